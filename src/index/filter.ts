import { invalidArgument } from '../core/errors.js';
import { isTyped } from '../core/realms.js';
import { typedArray } from '../core/validate.js';
import { Bitmap } from './bitmap.js';
import type { Contents } from './contents.js';
import { SequenceIds } from './ids/columns.js';
import { type Id, idsArgument } from './ids/id.js';

/**
 * Which rows a search may return:
 *
 * - ids, as an array, a Set or another iterable; ids that the index does not have change nothing;
 * - a bitmap over integer ids, as faiss' `IDSelectorBitmap` has it: id `i` counts if bit `i % 8` (the lowest is
 *   bit 0) of byte `i / 8` is set; negative ids and strings never count;
 * - such a bitmap as an {@link IdSet}, for several searches;
 * - a predicate.
 */
export type Filter = Iterable<Id> | Uint8Array | IdSet | ((id: Id) => boolean);

/** A filter that can be read more than once. */
export type CheckedFilter = readonly Id[] | Uint8Array | IdSet | ((id: Id) => boolean);

/** A bitmap over integer ids that nobody changes: which rows it means is kept until rows are added or removed. */
export class IdSet {
  readonly bits: Uint8Array;

  /**
   * @param bits must not be written to any more
   * @throws {EmbedlaneError} `ERR_INVALID_ARG`, `ERR_DTYPE`
   */
  constructor(bits: Uint8Array) {
    this.bits = typedArray('bits', bits, Uint8Array);
  }
}

/** What a set meant the last time that it was asked. Not in the class, whose types are everybody's. */
const meanings = new WeakMap<IdSet, { contents: WeakRef<Contents>; changes: number; allowed: Bitmap }>();

/** The rows that a set means, if they are known. */
function knownRows(set: IdSet, contents: Contents): Bitmap | undefined {
  const known = meanings.get(set);
  return known?.contents.deref() === contents && known.changes === contents.changes
    ? known.allowed
    : undefined;
}

/** Ids between two turns of the event loop: about a millisecond. */
const SLICE = 4096;
/** The same for rows of a sequence, which are looked at by the word. */
const SLICE_BITS = 2 ** 20;

/** Checks what can be checked before any work. */
export function filterArgument(name: string, value: unknown): CheckedFilter | undefined {
  if (
    value === undefined ||
    typeof value === 'function' ||
    isTyped(value, Uint8Array) ||
    value instanceof IdSet
  ) {
    return value as CheckedFilter | undefined;
  }
  if (ArrayBuffer.isView(value)) {
    throw invalidArgument(name, 'ids, a Uint8Array bitmap or a function', value, 'ERR_DTYPE');
  }
  if (typeof value !== 'object' || value === null || !(Symbol.iterator in value)) {
    throw invalidArgument(name, 'ids, a Uint8Array bitmap or a function', value);
  }
  return idsArgument(name, value);
}

/** The rows that are live and pass the filter. */
export function allowedRowsSync(contents: Contents, filter: CheckedFilter): Bitmap {
  const known = filter instanceof IdSet ? knownRows(filter, contents) : undefined;
  if (known !== undefined) return known;
  const steps = select(contents, contents.live, filter);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/**
 * The same with turns of the event loop between, over the rows of the moment of the call. (A row that is removed
 * while a list of many ids is being looked up may count as removed.)
 *
 * @param pause waits for a turn; may throw to stop
 */
export async function allowedRows(
  contents: Contents,
  filter: CheckedFilter,
  pause: () => Promise<void>,
): Promise<Bitmap> {
  const { changes } = contents;
  const steps = select(contents, contents.live.copy(), filter);
  for (;;) {
    const step = steps.next();
    if (step.done) {
      if (filter instanceof IdSet) {
        meanings.set(filter, { contents: new WeakRef(contents), changes, allowed: step.value });
      }
      return step.value;
    }
    await pause();
  }
}

/** Whether {@link allowedRowsSync} is quick enough for the thread that answers requests. */
export function isQuick(contents: Contents, filter: CheckedFilter): boolean {
  if (filter instanceof IdSet && knownRows(filter, contents) !== undefined) return true;
  return (Array.isArray(filter) ? filter.length : contents.live.length) <= SLICE;
}

function* select(contents: Contents, live: Bitmap, filter: CheckedFilter): Generator<undefined, Bitmap> {
  const allowed = new Bitmap(live.length);
  let work = 0;
  if (Array.isArray(filter)) {
    for (const id of filter as readonly Id[]) {
      // Among the rows of now, from which a first look-up builds the index's own map of ids.
      const position = contents.find(id);
      if (position >= 0 && position < live.length) allowed.add(position);
      if (++work % SLICE === 0) yield;
    }
    return allowed;
  }
  const bitmap =
    typeof filter === 'function' ? undefined : filter instanceof IdSet ? filter.bits : (filter as Uint8Array);
  const passes = bitmap === undefined ? (filter as (id: Id) => boolean) : bitmapTest(bitmap);
  for (const column of contents.ids.columns(live.length)) {
    if (bitmap !== undefined && column.ids instanceof SequenceIds) {
      const shift = column.ids.first - column.start;
      for (let start = column.start; start < column.end; start += SLICE_BITS) {
        addSequence(allowed, live, bitmap, shift, start, Math.min(start + SLICE_BITS, column.end));
        if (start + SLICE_BITS < column.end) yield;
      }
      continue;
    }
    for (const position of live.positions(column.start, column.end)) {
      if (passes(column.ids.at(position - column.start))) allowed.add(position);
      if (++work % SLICE === 0) yield;
    }
  }
  return allowed;
}

/** Rows `start` to `end`, whose ids are their positions plus `shift`: 32 of them at a time. */
function addSequence(
  allowed: Bitmap,
  live: Bitmap,
  bitmap: Uint8Array,
  shift: number,
  start: number,
  end: number,
): void {
  const words = shift === 0 ? wholeWords(bitmap) : undefined;
  for (let word = start >>> 5; word * 32 < end; word++) {
    let bits = live.words[word];
    if (bits === 0) continue;
    const position = word * 32;
    if (position < start) bits &= -1 << (start - position);
    if (position + 32 > end) bits &= -1 >>> (position + 32 - end);
    const passing =
      words !== undefined && word < words.length ? words[word] : bitsAt(bitmap, position + shift);
    if ((bits & passing) !== 0) allowed.addWord(word, bits & passing);
  }
}

/** The bitmap by 32 bits, where it lies so that it can be had so; not its last bytes. */
function wholeWords({ buffer, byteOffset, length }: Uint8Array): Uint32Array | undefined {
  if (!isLittleEndian || byteOffset % 4 !== 0) return undefined;
  return new Uint32Array(buffer, byteOffset, length >>> 2);
}

const isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** 32 bits of a bitmap from bit `at` on; those outside of it are 0. */
function bitsAt(bitmap: Uint8Array, at: number): number {
  const byte = Math.floor(at / 8);
  const shift = at - byte * 8;
  const low =
    (bitmap[byte] ?? 0) |
    ((bitmap[byte + 1] ?? 0) << 8) |
    ((bitmap[byte + 2] ?? 0) << 16) |
    ((bitmap[byte + 3] ?? 0) << 24);
  return shift === 0 ? low : (low >>> shift) | ((bitmap[byte + 4] ?? 0) << (32 - shift));
}

function bitmapTest(bitmap: Uint8Array): (id: Id) => boolean {
  return (id) => {
    if (typeof id !== 'number' || id < 0 || id >= bitmap.length * 8) return false;
    return ((bitmap[Math.floor(id / 8)] >>> (id % 8)) & 1) === 1;
  };
}
