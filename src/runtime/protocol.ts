import { EmbedlaneError, type ErrorCode } from '../core/errors.js';
import type { Device } from './options.js';

/** What the main process sends to a lane: a call that is answered, or a note that is not. */
export type ToLane =
  | { kind: 'call'; id: number; method: string; params: unknown }
  | { kind: 'note'; method: string; params: unknown };

/**
 * What a lane sends back: any number of events for a call, then one result or one error; and, belonging to no call,
 * where it computes.
 */
export type FromLane =
  | { kind: 'device'; device: Device; warning: string | undefined }
  | { kind: 'event'; id: number; value: unknown }
  | { kind: 'result'; id: number; value: unknown }
  | { kind: 'error'; id: number; error: WireError };

/** An error as it crosses the process border: structured clones of errors lose `code`. */
export interface WireError {
  code: ErrorCode | undefined;
  name: string;
  message: string;
  stack: string | undefined;
  cause: WireError | undefined;
}

/** Causes deeper than this are dropped: a cyclic chain must not hang the lane. */
const MAX_CAUSES = 4;

export function toWire(error: unknown, depth = 0): WireError {
  if (!(error instanceof Error)) {
    return { code: undefined, name: 'Error', message: String(error), stack: undefined, cause: undefined };
  }
  return {
    code: error instanceof EmbedlaneError ? error.code : undefined,
    name: error.name,
    message: error.message,
    stack: error.stack,
    cause: error.cause === undefined || depth === MAX_CAUSES ? undefined : toWire(error.cause, depth + 1),
  };
}

/**
 * Rebuilds an error in the main process. What a lane did not throw on purpose becomes `ERR_RUNTIME` with the
 * original, and the lane's stack, as its `cause`.
 */
export function fromWire(wire: WireError): EmbedlaneError {
  if (wire.code === undefined) {
    return new EmbedlaneError('ERR_RUNTIME', `The model's process reported: ${wire.message}`, {
      cause: causeFromWire(wire),
    });
  }
  const options = wire.cause === undefined ? undefined : { cause: causeFromWire(wire.cause) };
  return new EmbedlaneError(wire.code, wire.message, options);
}

function causeFromWire(wire: WireError): Error {
  if (wire.code !== undefined) return fromWire(wire);
  const error = new Error(wire.message, wire.cause && { cause: causeFromWire(wire.cause) });
  error.name = wire.name;
  error.stack = wire.stack;
  return error;
}
