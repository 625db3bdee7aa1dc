import { abortError, throwIfAborted } from './abort.js';

/** Work that a signal, or an error from outside of it, ends before it is done. */
export class Interruptible {
  #stopped = false;
  #reject: (reason: unknown) => void = () => {};

  /** Whether what is still under way is nobody's any more. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Makes {@link run} reject while it waits: for errors that come up inside an event handler. */
  interrupt(reason: unknown): void {
    this.#reject(reason);
  }

  /**
   * Waits for `work`.
   *
   * @param onStop called once when it fails, is interrupted or aborted
   * @throws {EmbedlaneError} `ERR_ABORTED`
   */
  async run<T>(
    signal: AbortSignal | undefined,
    work: () => Promise<T>,
    onStop: () => void = () => {},
  ): Promise<T> {
    throwIfAborted(signal);
    const onAbort = () => this.interrupt(abortError(signal as AbortSignal));
    const interrupted = new Promise<never>((_, reject) => {
      this.#reject = reject;
    });
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      return await Promise.race([work(), interrupted]);
    } catch (error) {
      this.#stopped = true;
      onStop();
      throw error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }
}
