import { setImmediate } from 'node:timers/promises';
import { throwIfAborted } from './abort.js';

/** Milliseconds for which long work on the main thread may keep the event loop waiting. */
const SLICE = 2;

/** Cuts long work on the main thread into slices, between which the event loop turns. */
export class Pace {
  readonly #signal: AbortSignal | undefined;
  #started = performance.now();

  /** @param signal looked at between slices */
  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  /** Whether this slice has lasted long enough. Cheap: ask every few microseconds of work. */
  get due(): boolean {
    return performance.now() - this.#started >= SLICE;
  }

  /**
   * Lets the event loop turn.
   *
   * @throws {EmbedlaneError} `ERR_ABORTED` if the signal has fired
   */
  async turn(): Promise<void> {
    await setImmediate();
    throwIfAborted(this.#signal);
    this.#started = performance.now();
  }
}
