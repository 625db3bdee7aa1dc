import { EmbedlaneError } from './errors.js';

/** The error that an aborted call rejects with; `cause` is the signal's reason, unless a deadline aborted it. */
export function abortError(signal: AbortSignal): EmbedlaneError {
  const { reason } = signal;
  if (reason instanceof EmbedlaneError && reason.code === 'ERR_TIMEOUT') return reason;
  return new EmbedlaneError('ERR_ABORTED', 'The operation was aborted', { cause: reason });
}

/** Throws `ERR_ABORTED` if the signal has already fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortError(signal);
}
