import { throwIfAborted } from '../core/abort.js';
import { EmbedlaneError } from '../core/errors.js';
import { type OpenShard, openShard } from './read-shard.js';
import { settle } from './settle.js';
import { afterKillers, afterRows, endOfRows, hasKillers, isKiller, type ShardNote } from './shard-note.js';
import type { Targets } from './targets.js';
import type { JobSpec, PoisonItem, Shard } from './types.js';

/** Rows of one shard that may end workers, or pages: of more, the shard or the machine is to blame. */
const MAX_KILLERS = 16;

export interface ShardContext {
  readonly spec: JobSpec;
  readonly root: string;
  readonly targets: Targets;
  /** Whether the job has stored rows of other shards, so that model and store can do it. */
  readonly hasStored: boolean;
  /** Whether the shard has failed before. */
  readonly suspicious: boolean;
  readonly signal: AbortSignal;
  /** Keeps the note where the next worker finds it, before what it says begins. */
  save(note: ShardNote): Promise<void>;
}

/** Reads, embeds and stores a shard's rows, from where `begun` says: rows that end the worker do it one by one. */
export async function doShard(
  part: Shard,
  begun: ShardNote,
  { spec, root, targets, hasStored, suspicious, signal, save }: ShardContext,
): Promise<Pick<ShardNote, 'stored' | 'aside'>> {
  let note = begun;
  try {
    await save({ ...note, doing: 'opening' });
    const shard = await openShard(part, spec, root, hasKillers(note));
    return await targets.use(spec, signal, async (store) => {
      while (note.at < part.items) {
        if (isKiller(note)) {
          const end = note.decoding ? Math.min(part.items, shard.endOfPage(note.at)) : note.at + 1;
          note = afterKillers(note, end, setAside(shard, note, end));
          continue;
        }
        throwIfAborted(signal);
        const options = { suspicious, hasStored: note.stored > 0, signal };
        await save({ ...note, doing: shard.hasPages ? 'decoding' : 'rows' });
        const rows = await shard.read(note.at, endOfRows(note));
        if (shard.hasPages) await save({ ...note, doing: 'rows' });
        note = afterRows(note, await settle(store, rows, options));
      }
      requireSurvivors(note, hasStored);
      return note;
    });
  } catch (error) {
    // This worker is well. Where that cannot be said, the next one tries its rows few at a time, for nothing.
    await save({ ...note, doing: 'nothing' }).catch(() => {});
    throw error;
  }
}

const WORKER = 'ERR_WORKER';

/** The rows from where the note is up to `end`, which have ended workers. */
function setAside(
  { name }: OpenShard,
  { at, killed, killers, decoding }: ShardNote,
  end: number,
): PoisonItem[] {
  const first = name(at).place;
  if (killers === MAX_KILLERS) {
    throw new EmbedlaneError(
      'ERR_RUNTIME',
      `Expected at most ${MAX_KILLERS} rows of a shard to end their workers but received one more, ${first}`,
    );
  }
  const last = name(end - 1).place;
  const what = decoding ? `the page with the rows ${first} to ${last}` : 'this row';
  const message = `${killed} workers ended while they had nothing but ${what} to ${decoding ? 'decode' : 'do'}`;
  return Array.from({ length: end - at }, (_, i) => {
    const { place, id } = name(at + i);
    return { place, ...(id !== undefined && { id }), code: WORKER, message };
  });
}

/** If nothing has ever been stored, it is not for certain the rows that end workers. */
function requireSurvivors({ aside, stored }: ShardNote, jobHasStored: boolean): void {
  const first = aside.find(({ code }) => code === WORKER);
  if (first === undefined || jobHasStored || stored > 0) return;
  throw new EmbedlaneError(
    'ERR_RUNTIME',
    `Expected workers to live on with ${first.place}, or to have stored any other row, but ${first.message}`,
  );
}
