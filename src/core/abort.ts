import { EmbedlaneError } from './errors.js';

/** Errors with which the library itself aborts. */
const OWN: readonly string[] = ['ERR_TIMEOUT', 'ERR_CLOSED'];

/** The error that an aborted call rejects with; `cause` is the signal's reason, unless a deadline or a close aborted it. */
export function abortError(signal: AbortSignal): EmbedlaneError {
  const { reason } = signal;
  if (reason instanceof EmbedlaneError && OWN.includes(reason.code)) return reason;
  return new EmbedlaneError('ERR_ABORTED', 'The operation was aborted', { cause: reason });
}

/** Throws `ERR_ABORTED` if the signal has already fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortError(signal);
}
