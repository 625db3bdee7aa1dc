import type { PoisonItem } from './types.js';

/**
 * How far a shard is, as its worker leaves it in Redis before each step: if the worker ends, the next one knows at which
 * rows. JSON.
 */
export interface ShardNote {
  /** What its worker is at, and was at if it has ended without a word. */
  readonly doing: 'nothing' | 'opening' | 'decoding' | 'rows';
  /** Workers in a row that ended before they came to a row. */
  readonly opened: number;
  /** Rows before this one are settled. */
  readonly at: number;
  /** Rows among which some end workers, each within the one before; the first is the whole shard. */
  readonly groups: readonly RowGroup[];
  /** Workers that ended at the row `at` when they had nothing else to do. */
  readonly killed: number;
  /** Whether they did when they had only begun to decode what the row is in. */
  readonly decoding: boolean;
  /** Rows that ended workers, and pages. */
  readonly killers: number;
  readonly stored: number;
  readonly aside: readonly PoisonItem[];
}

/** Rows up to `end`, of which `width` are tried together. */
interface RowGroup {
  readonly end: number;
  readonly width: number;
}

/** Each death makes the rows that may be to blame so many times fewer. */
const NARROWER = 8;
/** A worker may also have ended by chance, at whatever row. */
const KILLS = 2;

/** The note of a shard that nobody has tried. */
export function newNote(rows: number): ShardNote {
  const groups = [{ end: rows, width: rows }];
  const none = { opened: 0, at: 0, killed: 0, decoding: false, killers: 0, stored: 0, aside: [] };
  return { doing: 'nothing', groups, ...none };
}

/** Where the rows end that are tried together next, from `at` on. */
export function endOfRows({ at, groups }: ShardNote): number {
  const { end, width } = groups[groups.length - 1];
  return Math.min(end, at + width);
}

/** What is to be done after the worker that left the note has ended: fewer rows at a time. */
export function afterDeath(note: ShardNote): ShardNote {
  const next: ShardNote = { ...note, doing: 'nothing' };
  if (note.doing === 'nothing') return next;
  if (note.doing === 'opening') return { ...next, opened: note.opened + 1 };
  const end = endOfRows(note);
  const rows = end - note.at;
  const decoding = note.doing === 'decoding';
  if (rows === 1) return { ...next, killed: decoding === note.decoding ? note.killed + 1 : 1, decoding };
  return { ...next, groups: [...note.groups, { end, width: Math.ceil(rows / NARROWER) }] };
}

/** After the rows from `at` on have been tried, and nobody ended. */
export function afterRows(
  note: ShardNote,
  { stored, aside }: { stored: number; aside: readonly PoisonItem[] },
): ShardNote {
  return { ...moved(note, endOfRows(note), aside), stored: note.stored + stored };
}

/** After the rows from `at` up to `end`, which end their workers, have been set aside. */
export function afterKillers(note: ShardNote, end: number, aside: readonly PoisonItem[]): ShardNote {
  return { ...moved(note, end, aside), killers: note.killers + 1 };
}

function moved(note: ShardNote, at: number, aside: readonly PoisonItem[]): ShardNote {
  const groups = note.groups.filter(({ end }, i) => i === 0 || end > at);
  return {
    ...note,
    doing: 'nothing',
    opened: 0,
    at,
    groups,
    killed: 0,
    decoding: false,
    aside: [...note.aside, ...aside],
  };
}

/** Whether the row `at` has ended so many workers that it is to be set aside. */
export function isKiller({ killed }: ShardNote): boolean {
  return killed >= KILLS;
}

/** Whether rows are to be read apart from those that have ended workers, or may have. */
export function hasKillers(note: ShardNote): boolean {
  return isSuspect(note) || note.killers > 0;
}

/** Whether a worker may have ended because of the shard: others that are done beside it would be blamed. */
export function isSuspect({ opened, groups, killed }: ShardNote): boolean {
  return opened > 0 || killed > 0 || groups.length > 1;
}
