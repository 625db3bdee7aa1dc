import { EmbedlaneError, type ErrorCode } from '../core/errors.js';

/** Why a request fails, in no dialect yet. */
export type FaultKind =
  | 'invalid'
  | 'unauthorized'
  | 'not_found'
  | 'too_large'
  | 'timeout'
  | 'overloaded'
  | 'rate_limited'
  | 'unavailable'
  | 'backend';

const STATUS: Record<FaultKind, number> = {
  invalid: 400,
  unauthorized: 401,
  not_found: 404,
  timeout: 408,
  too_large: 413,
  overloaded: 429,
  rate_limited: 429,
  backend: 500,
  unavailable: 503,
};

export interface FaultDetails {
  /** Field of the request that is wrong. */
  param?: string;
  /** More exact than the kind, for programs: `model_not_found`, `context_length_exceeded`. */
  code?: string;
  /** Seconds after which to try again. */
  retryAfter?: number;
  status?: number;
  cause?: unknown;
}

/** A request that gets an error for an answer; each dialect has its own way of saying it. */
export class Fault extends Error {
  readonly kind: FaultKind;
  readonly status: number;
  readonly param: string | undefined;
  readonly code: string | undefined;
  readonly retryAfter: number | undefined;

  constructor(kind: FaultKind, message: string, details: FaultDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'Fault';
    this.kind = kind;
    this.status = details.status ?? STATUS[kind];
    this.param = details.param;
    this.code = details.code;
    this.retryAfter = details.retryAfter;
  }
}

/** The fault for a field that is not what the route takes. */
export function invalid(param: string, message: string): Fault {
  return new Fault('invalid', message, { param });
}

const KINDS: Partial<Record<ErrorCode, FaultKind>> = {
  ERR_INVALID_ARG: 'invalid',
  ERR_DIMENSION: 'invalid',
  ERR_OVERLOADED: 'overloaded',
  ERR_CLOSED: 'unavailable',
};

/** What any error means to a client. Messages of failures inside stay inside: they may name files. */
export function toFault(error: unknown): Fault {
  if (error instanceof Fault) return error;
  if (error instanceof EmbedlaneError) {
    const kind = KINDS[error.code];
    if (kind === 'invalid') return new Fault(kind, error.message, { cause: error });
    if (kind === 'overloaded') {
      return new Fault(kind, 'The model is overloaded; try again later', { retryAfter: 1, cause: error });
    }
    if (kind === 'unavailable') return new Fault(kind, 'The model is being unloaded', { cause: error });
    return new Fault('backend', `The model failed (${error.code})`, { cause: error });
  }
  return fromFramework(error);
}

/** Errors of the HTTP framework: they carry a status, and a message that is meant for the client. */
function fromFramework(error: unknown): Fault {
  const { statusCode, message } = (error ?? {}) as { statusCode?: number; message?: string };
  if (statusCode === undefined || statusCode >= 500) {
    return new Fault('backend', 'The server failed', { cause: error });
  }
  const kind = statusCode === 413 ? 'too_large' : statusCode === 408 ? 'timeout' : 'invalid';
  return new Fault(kind, message ?? 'Bad request', { status: statusCode, cause: error });
}
