import { Interruptible } from '../core/interruptible.js';

/**
 * Waits for what knows no signal, such as a connection to a server that is silent. What is still under way on Ctrl-C ends
 * with the process.
 *
 * @throws {EmbedlaneError} `ERR_ABORTED`
 */
export function untilInterrupted<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  return new Interruptible().run(signal, work);
}
