import { EmbedlaneError, type ErrorCode } from '../../core/errors.js';
import { Transient } from '../../core/retry.js';

/** The status in an answer of Milvus. Old servers fill only `code`, Milvus Lite both. */
export interface MilvusStatus {
  readonly code?: number;
  readonly error_code?: string | number;
  readonly reason?: string;
  readonly retriable?: boolean;
}

/** Codes of gRPC: https://grpc.io/docs/guides/status-codes/ */
const DEADLINE_EXCEEDED = 4;
const PERMISSION_DENIED = 7;
const RESOURCE_EXHAUSTED = 8;
const ABORTED = 10;
const UNAVAILABLE = 14;
const UNAUTHENTICATED = 16;
const TRANSIENT = [DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, ABORTED, UNAVAILABLE];

/** Codes of Milvus. */
const RATE_LIMIT = 8;
const COLLECTION_NOT_FOUND = 100;
export const INDEX_NOT_FOUND = 700;
const PRIVILEGE_NOT_PERMITTED = 1401;
const CREDENTIALS = [1400, PRIVILEGE_NOT_PERMITTED];

/**
 * Runs a call of the SDK and gives what it answers, or throws the typed error for what went wrong.
 *
 * @param isExpected whether an answer is good in spite of its status
 */
export async function callMilvus<T extends { status?: MilvusStatus } | MilvusStatus>(
  task: string,
  call: () => Promise<T>,
  isExpected: (answer: T) => boolean = () => false,
): Promise<T> {
  let answer: T;
  try {
    answer = await call();
  } catch (error) {
    throw thrown(task, error);
  }
  const status = statusOf(answer);
  if (isFailure(status) && !isExpected(answer)) throw refused(task, status);
  return answer;
}

export function isNotFound(answer: { status?: MilvusStatus }): boolean {
  return answer.status?.code === COLLECTION_NOT_FOUND;
}

function statusOf(answer: { status?: MilvusStatus } | MilvusStatus): MilvusStatus {
  return (answer as { status?: MilvusStatus }).status ?? (answer as MilvusStatus);
}

function isFailure({ code, error_code }: MilvusStatus): boolean {
  return (code ?? 0) !== 0 || (error_code !== undefined && error_code !== 'Success' && error_code !== 0);
}

function refused(task: string, status: MilvusStatus): Error {
  const { code = 0, reason = '', retriable = false } = status;
  const said = `${reason.split('\n')[0] || 'no reason'} (code ${code || status.error_code})`;
  const error = failure(code === COLLECTION_NOT_FOUND ? 'ERR_NOT_FOUND' : 'ERR_REMOTE', task, said, status);
  const passes = (retriable || code === RATE_LIMIT) && !CREDENTIALS.includes(code);
  return passes ? new Transient(error) : error;
}

/** The SDK throws errors of gRPC, its own, and sometimes an answer. */
function thrown(task: string, error: unknown): Error {
  if (error instanceof EmbedlaneError || error instanceof Transient) return error;
  if (!(error instanceof Error) && typeof error === 'object' && error !== null) {
    return refused(task, statusOf(error as MilvusStatus));
  }
  const { code, details, message } = error as { code?: number; details?: string; message?: string };
  if (code === UNAUTHENTICATED || code === PERMISSION_DENIED) {
    return failure('ERR_REMOTE', task, `that the credentials are refused: ${details ?? message}`, error);
  }
  const failed = failure('ERR_REMOTE', task, String(details || message || error), error);
  // A message over the server's limit is also "exhausted", and stays so.
  const tooLarge = code === RESOURCE_EXHAUSTED && /larger than max/i.test(details ?? '');
  return code !== undefined && TRANSIENT.includes(code) && !tooLarge ? new Transient(failed) : failed;
}

function failure(code: ErrorCode, task: string, said: string, cause: unknown): EmbedlaneError {
  return new EmbedlaneError(code, `Expected Milvus to ${task} but received ${said}`, { cause });
}
