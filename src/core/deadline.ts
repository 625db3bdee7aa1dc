import { EmbedlaneError } from './errors.js';
import { unref } from './realms.js';
import { optionalInteger } from './validate.js';

/** Node's timers have 31 bits of milliseconds. */
const MAX_TIMEOUT = 2 ** 31 - 1;

/** Checks that `value` is `undefined` or a number of milliseconds. */
export function optionalTimeout(name: string, value: unknown): number | undefined {
  return optionalInteger(name, value, 1, MAX_TIMEOUT);
}

/**
 * Aborts a call when its time is up, besides when its caller does. Of time that passes and not of the clock's: a
 * clock that is set has no influence.
 */
export class Deadline {
  /** The caller's signal, or one that also fires with `ERR_TIMEOUT`, or undefined if there is neither. */
  readonly signal: AbortSignal | undefined;
  readonly #end: () => void;

  /** @param timeout milliseconds from now on; undefined for no limit */
  constructor(signal: AbortSignal | undefined, timeout: number | undefined) {
    if (timeout === undefined) {
      this.signal = signal;
      this.#end = () => {};
      return;
    }
    const either = new AbortController();
    const onAbort = () => either.abort(signal?.reason);
    const timer = setTimeout(() => either.abort(timeoutError(timeout)), timeout);
    // The call's own work keeps the process alive.
    unref(timer);
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted) onAbort();
    this.signal = either.signal;
    this.#end = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
  }

  /** The call is over. */
  end(): void {
    this.#end();
  }
}

/** Gives `work` a signal that aborts it when its time is up, besides when its caller does. */
export async function withDeadline<T>(
  { signal, timeout }: { signal: AbortSignal | undefined; timeout: number | undefined },
  work: (signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  const deadline = new Deadline(signal, timeout);
  try {
    return await work(deadline.signal);
  } finally {
    deadline.end();
  }
}

function timeoutError(timeout: number): EmbedlaneError {
  return new EmbedlaneError('ERR_TIMEOUT', `Expected a result within ${timeout} ms but it was not there`);
}
