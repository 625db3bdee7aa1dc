import { EmbedlaneError } from '../../core/errors.js';
import { Transient } from '../../core/retry.js';

/** What mysql2 throws. */
export interface MysqlFailure extends Error {
  readonly code?: string;
  readonly errno?: number;
  /** The connection cannot be used any more. */
  readonly fatal?: boolean;
}

/** The connection is gone, or was never made. */
const CONNECTION_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EPIPE',
  'ETIMEDOUT',
  'PROTOCOL_CONNECTION_LOST',
  'PROTOCOL_SEQUENCE_TIMEOUT',
]);

/** MySQL's and OceanBase's numbers of what may go better the next time. */
const TRANSIENT_ERRNOS = new Set([
  1040, // too many connections
  1205, // lock wait timeout
  1213, // deadlock
  4012, // timeout
  4038, // the leader moves
  4179, // the server is not ready
  6002, // transaction rolled back
  6005, // row locked by another transaction
]);

const ACCESS_DENIED = new Set(['ER_ACCESS_DENIED_ERROR', 'ER_DBACCESS_DENIED_ERROR', 'ER_BAD_DB_ERROR']);

/** Whether the connection that the failure came from must not be used again. */
export function breaksConnection(error: MysqlFailure): boolean {
  return error.fatal === true || CONNECTION_CODES.has(error.code ?? '');
}

/** The typed error for a failed statement. */
export function seekdbFailure(task: string, cause: unknown): Error {
  if (cause instanceof EmbedlaneError || cause instanceof Transient) return cause;
  const error = cause as MysqlFailure;
  const { code = '', errno } = error;
  const missing = code === 'ER_NO_SUCH_TABLE';
  const said =
    errno === undefined || code.startsWith('E') === false ? error.message : `${error.message} (${code})`;
  const failure = new EmbedlaneError(
    missing ? 'ERR_NOT_FOUND' : 'ERR_REMOTE',
    `Expected seekdb to ${task} but received ${said || code}`,
    { cause },
  );
  const passes = breaksConnection(error) || (errno !== undefined && TRANSIENT_ERRNOS.has(errno));
  return passes && !ACCESS_DENIED.has(code) ? new Transient(failure) : failure;
}
