import { invalidArgument } from '../core/errors.js';
import { Bitmap } from './bitmap.js';
import type { Contents } from './contents.js';
import { type Id, idsArgument } from './ids/id.js';

/**
 * Which rows a search may return:
 *
 * - ids, as an array, a Set or another iterable; ids that the index does not have change nothing;
 * - a bitmap over integer ids, as faiss' `IDSelectorBitmap` has it: id `i` counts if bit `i % 8` (the lowest is
 *   bit 0) of byte `i / 8` is set; negative ids and strings never count;
 * - a predicate.
 */
export type Filter = Iterable<Id> | Uint8Array | ((id: Id) => boolean);

/** A filter that can be read more than once. */
export type CheckedFilter = readonly Id[] | Uint8Array | ((id: Id) => boolean);

/** Ids between two turns of the event loop: about a millisecond. */
const SLICE = 4096;

/** Checks what can be checked before any work. */
export function filterArgument(name: string, value: unknown): CheckedFilter | undefined {
  if (value === undefined || typeof value === 'function' || value instanceof Uint8Array) {
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
  const steps = select(contents, contents.live.copy(), filter);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    await pause();
  }
}

/** Whether {@link allowedRowsSync} is quick enough for the thread that answers requests. */
export function isQuick(contents: Contents, filter: CheckedFilter): boolean {
  return (Array.isArray(filter) ? filter.length : contents.live.length) <= SLICE;
}

function* select({ ids }: Contents, live: Bitmap, filter: CheckedFilter): Generator<undefined, Bitmap> {
  const allowed = new Bitmap(live.length);
  let work = 0;
  if (Array.isArray(filter)) {
    for (const id of filter as readonly Id[]) {
      const position = ids.find(id, live);
      if (position >= 0 && position < live.length) allowed.add(position);
      if (++work % SLICE === 0) yield;
    }
    return allowed;
  }
  const passes = typeof filter === 'function' ? filter : bitmapTest(filter as Uint8Array);
  for (const position of live.positions()) {
    if (passes(ids.at(position))) allowed.add(position);
    if (++work % SLICE === 0) yield;
  }
  return allowed;
}

function bitmapTest(bitmap: Uint8Array): (id: Id) => boolean {
  return (id) => {
    if (typeof id !== 'number' || id < 0 || id >= bitmap.length * 8) return false;
    return ((bitmap[Math.floor(id / 8)] >>> (id % 8)) & 1) === 1;
  };
}
