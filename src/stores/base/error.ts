import { EmbedlaneError, type ErrorCode } from '../../core/errors.js';

/** A store could not do what it was asked, after it had begun. */
export class StoreError extends EmbedlaneError {
  /** How many of the records that were given, from the first on, are stored for certain. */
  readonly stored: number;

  constructor(code: ErrorCode, message: string, { stored = 0, cause }: { stored?: number; cause?: unknown }) {
    super(code, message, cause === undefined ? undefined : { cause });
    this.stored = stored;
  }

  /** The same failure, of a call that has stored `stored` records before. */
  static after(stored: number, error: unknown): unknown {
    if (!(error instanceof EmbedlaneError)) return error;
    const message = stored === 0 ? error.message : `${error.message}; the first ${stored} records are stored`;
    return new StoreError(error.code, message, { stored, cause: error });
  }
}
