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

/** How a stream is worked on, part by part. */
export interface PartWork<T, Result> {
  /** Items of a part; the last may have fewer. */
  window: number;
  signal: AbortSignal | undefined;
  /** Throws if it is no such item. */
  check(item: T, index: number): void;
  work(part: T[], signal: AbortSignal): Promise<Result>;
}

/** Results of the parts of a stream, in order. Leaving the loop aborts what is still under way. */
export async function* inParts<T, Result>(
  items: AnyIterable<T>,
  { window, signal: given, check, work }: PartWork<T, Result>,
): AsyncGenerator<Result, void, undefined> {
  const stop = new AbortController();
  const signal = given ? AbortSignal.any([given, stop.signal]) : stop.signal;
  let working: Promise<Result> | undefined;
  let part: T[] = [];
  let index = 0;
  try {
    for await (const item of items) {
      check(item, index++);
      part.push(item);
      if (part.length < window) continue;
      // Queued before the one before it is handed out, so that the model works while the consumer does.
      const previous = working;
      working = work(part, signal);
      // It is awaited when the next part is full; until then a failure must not count as unhandled.
      working.catch(() => {});
      part = [];
      if (previous) yield await previous;
    }
    if (working) yield await working;
    if (part.length > 0) yield await work(part, signal);
  } finally {
    // The consumer left, the source failed or a part did: nobody will ask for what is still being computed.
    stop.abort(new EmbedlaneError('ERR_ABORTED', 'The stream was left'));
  }
}
