import { EmbedlaneError } from './errors.js';

/** The error that an aborted call rejects with; `cause` is the signal's reason. */
export function abortError(signal: AbortSignal): EmbedlaneError {
  return new EmbedlaneError('ERR_ABORTED', 'The operation was aborted', { cause: signal.reason });
}

/** Throws `ERR_ABORTED` if the signal has already fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortError(signal);
}
