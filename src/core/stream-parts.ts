import { setImmediate as nextTurn } from 'node:timers/promises';
import { abortError, throwIfAborted } from './abort.js';
import { EmbedlaneError, invalidArgument } from './errors.js';

export type AnyIterable<T> = AsyncIterable<T> | Iterable<T>;

/**
 * Checks that something can be asked for one item after the other. Strings and bytes are iterable too, piece by piece, which
 * nobody wants.
 *
 * @throws {EmbedlaneError} `ERR_INVALID_ARG`
 */
export function iterable<T>(name: string, items: string, value: AnyIterable<T>): AnyIterable<T> {
  const isObject = value !== null && typeof value === 'object' && !ArrayBuffer.isView(value);
  if (isObject && (Symbol.asyncIterator in value || Symbol.iterator in value)) return value;
  throw invalidArgument(name, `an iterable or async iterable of ${items}`, value);
}

/** Items that are read in one turn of the event loop at most: some milliseconds. */
const ITEMS_A_TURN = 2048;

/** How a stream is worked on, part by part. */
export interface PartWork<T, Result> {
  /** Items of a part; the last may have fewer. */
  window: number;
  signal: AbortSignal | undefined;
  /** Throws if it is no such item. */
  check(item: T, index: number): void;
  work(part: T[], signal: AbortSignal): Promise<Result>;
}

/**
 * The items of a source, each wait for which a signal ends. A source that is silent is left without waiting for it: it
 * would answer no sooner than with its next item.
 *
 * @throws {EmbedlaneError} `ERR_ABORTED`
 */
export async function* until<T>(
  items: AnyIterable<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T, void, undefined> {
  const isAsync = Symbol.asyncIterator in items;
  const iterator = isAsync ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  let interrupt: (error: unknown) => void = () => {};
  const onAbort = () => interrupt(abortError(signal as AbortSignal));
  let asking = false;
  /** Also when it has failed: to leave it then could only fail again, in place of the reason. */
  let ended = false;
  // One promise for each wait: a race against a promise that lasts would keep every item.
  const wait = (next: PromiseLike<IteratorResult<T>>) =>
    new Promise<IteratorResult<T>>((resolve, reject) => {
      interrupt = reject;
      Promise.resolve(next).then(resolve, (error) => {
        ended = true;
        reject(error);
      });
    });
  const ask = () => {
    try {
      return iterator.next() as PromiseLike<IteratorResult<T>> | IteratorResult<T>;
    } catch (error) {
      ended = true;
      throw error;
    }
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    for (;;) {
      throwIfAborted(signal);
      asking = true;
      // What an async iterator answers with may be of another realm, or of a library of promises.
      const asked = ask();
      const next = isAsync ? await wait(asked as PromiseLike<IteratorResult<T>>) : await asked;
      asking = false;
      if (next.done) {
        ended = true;
        return;
      }
      yield next.value;
    }
  } finally {
    signal?.removeEventListener('abort', onAbort);
    if (!ended) {
      const left = Promise.resolve(iterator.return?.());
      if (asking) left.catch(() => {});
      else await left;
    }
  }
}

/**
 * Results of the parts of a stream, in order. The next part is read, and queued, before the result of the one before is
 * handed out, so that model, source and consumer work at the same time; but where the source has nothing for now, a result
 * is handed out as soon as it is there: the source may wait for it. Leaving the loop aborts what is still under way.
 */
export async function* inParts<T, Result>(
  items: AnyIterable<T>,
  { window, signal: given, check, work }: PartWork<T, Result>,
): AsyncGenerator<Result, void, undefined> {
  const stop = new AbortController();
  const signal = given ? AbortSignal.any([given, stop.signal]) : stop.signal;
  const source = until(items, signal);
  let index = 0;
  const fill = async () => {
    const part: T[] = [];
    while (part.length < window) {
      const next = await source.next();
      if (next.done) break;
      check(next.value, index++);
      part.push(next.value);
      // A source that has everything at hand never lets the event loop turn.
      if (part.length % ITEMS_A_TURN === 0 && part.length < window) await nextTurn();
    }
    return part;
  };
  let filling: Promise<T[]> | undefined;
  let working: Promise<Result> | undefined;
  try {
    for (;;) {
      filling ??= fill();
      // A source that is not silent fills its part in the turn of the event loop that it is given here.
      const done = working?.then(() => nextTurn());
      const part = await (done ? Promise.race([filling, done]) : filling);
      const previous = working;
      working = undefined;
      if (part) {
        filling = undefined;
        if (part.length > 0) working = work(part, signal);
        // It is awaited when the next part is full; until then a failure must not count as unhandled.
        working?.catch(() => {});
      }
      if (previous) yield await previous;
      if (part && part.length < window) break;
    }
    if (working) yield await working;
  } finally {
    // The consumer left, the source failed or a part did: nobody will ask for what is still being computed.
    stop.abort(new EmbedlaneError('ERR_ABORTED', 'The stream was left'));
    filling?.catch(() => {});
    await source.return();
  }
}
