import { types } from 'node:util';

/** Stable, documented reasons a call can fail. Compare `error.code`, never the message. */
export type ErrorCode =
  | 'ERR_INVALID_ARG'
  | 'ERR_DIMENSION'
  | 'ERR_DTYPE'
  | 'ERR_MODEL_NOT_FOUND'
  | 'ERR_MODEL_INVALID'
  | 'ERR_AUDIO'
  | 'ERR_VIDEO'
  | 'ERR_DOWNLOAD'
  | 'ERR_CHECKSUM'
  | 'ERR_NATIVE_LOAD'
  | 'ERR_DEVICE'
  | 'ERR_RUNTIME'
  | 'ERR_CLOSED'
  | 'ERR_IMAGE'
  | 'ERR_CORRUPT'
  | 'ERR_VERSION'
  | 'ERR_LOCKED'
  | 'ERR_READ_ONLY'
  | 'ERR_IO'
  | 'ERR_ABORTED'
  | 'ERR_TIMEOUT'
  | 'ERR_OVERLOADED'
  | 'ERR_REMOTE'
  | 'ERR_NOT_FOUND'
  | 'ERR_CONFLICT';

/**
 * The only error class that embedlane throws on purpose.
 *
 * Messages have the form "Expected <what> for <name> but received <actual>"; `cause` holds the underlying
 * error where there is one.
 */
export class EmbedlaneError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'EmbedlaneError';
    this.code = code;
  }
}

/**
 * An error that comes from a message handler has a stack that says nothing to the caller: gives it that of the
 * function that awaited it.
 */
export function withCallerStack(error: unknown): unknown {
  if (error instanceof EmbedlaneError) Error.captureStackTrace(error, withCallerStack);
  return error;
}

/** Longest excerpt of a received value that an error message quotes: inputs may be private or huge. */
const MAX_QUOTED = 60;

/** Describes a received value for an error message: its type, and the value itself where it is short. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  switch (typeof value) {
    case 'string': {
      const shown = value.length > MAX_QUOTED ? `${value.slice(0, MAX_QUOTED)}…` : value;
      return `${JSON.stringify(shown)} of type string`;
    }
    case 'number':
      return `${Object.is(value, -0) ? '-0' : value} of type number`;
    case 'bigint':
    case 'boolean':
      return `${value} of type ${typeof value}`;
    case 'symbol':
      return 'a value of type symbol';
    case 'function':
      return 'a function';
    default: {
      if (Array.isArray(value)) return `an Array of length ${value.length}`;
      if (ArrayBuffer.isView(value)) {
        const length = (value as unknown as { length?: number }).length ?? value.byteLength;
        return `a ${value.constructor.name} of length ${length}`;
      }
      if (types.isPromise(value)) return 'a Promise: is an await missing?';
      const name = (value as object).constructor?.name;
      return name && name !== 'Object' ? `an instance of ${name}` : 'an object';
    }
  }
}

/** Builds the error for an argument that is not what the call takes. */
export function invalidArgument(
  name: string,
  expected: string,
  actual: unknown,
  code: ErrorCode = 'ERR_INVALID_ARG',
): EmbedlaneError {
  return new EmbedlaneError(code, `Expected ${expected} for ${name} but received ${describe(actual)}`);
}
