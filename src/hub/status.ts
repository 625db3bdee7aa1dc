import { EmbedlaneError } from '../core/errors.js';
import { Transient } from '../core/retry.js';
import { readRetryAfter } from '../core/retry-after.js';
import type { HubResponse } from './client.js';

/** What a message about a refusal can say. */
interface Asked {
  endpoint: string;
  hasToken: boolean;
}

/**
 * The error for an answer that is not a success, by status and by the Hub's `X-Error-Code`.
 *
 * The Hub answers 401 for repositories that do not exist as well as for private ones, so as not to tell which
 * names are taken.
 */
export function statusFailure(
  { status, headers }: HubResponse,
  subject: string,
  { endpoint, hasToken }: Asked,
): EmbedlaneError | Transient {
  const reason = headers['x-error-code'];
  const name = subject.split(' of ').at(-1) as string;
  if (reason === 'GatedRepo') {
    return new EmbedlaneError(
      'ERR_DOWNLOAD',
      `Expected access to ${name} but it is gated: accept its terms at ${endpoint}/${name.split('@')[0]}, then ${signIn(hasToken)}`,
    );
  }
  if (reason === 'RevisionNotFound') return notFound(`a revision that ${endpoint} has`, subject);
  if (reason === 'EntryNotFound') return notFound(`a file that ${endpoint} has`, subject);
  if (status === 404 || reason === 'RepoNotFound' || (status === 401 && !hasToken)) {
    const hint = hasToken
      ? 'check its spelling, and that your token may read it'
      : `check its spelling; if it is private, ${signIn(hasToken)}`;
    return notFound(`a model that ${endpoint} has`, subject, hint);
  }
  if (status === 401 || status === 403) {
    return new EmbedlaneError(
      'ERR_DOWNLOAD',
      `Expected access to ${name} but ${endpoint} refused it (${status}): ${signIn(hasToken)}`,
    );
  }
  const retryAfter = readRetryAfter({ get: (header) => headers[header]?.toString() ?? null });
  const wait = retryAfter === undefined ? '' : `; it asks to wait ${Math.ceil(retryAfter / 1000)} s`;
  const failure = new EmbedlaneError(
    'ERR_DOWNLOAD',
    `Expected ${subject} from ${endpoint} but received status ${status}${wait}`,
  );
  return status === 408 || status === 429 || status >= 500 ? new Transient(failure, { retryAfter }) : failure;
}

function signIn(hasToken: boolean): string {
  return hasToken
    ? 'use a token that may read it (HF_TOKEN, or the option token)'
    : 'set HF_TOKEN, or pass the option token';
}

function notFound(expected: string, subject: string, hint?: string): EmbedlaneError {
  const message = `Expected ${expected} but it has no ${subject}${hint ? `; ${hint}` : ''}`;
  return new EmbedlaneError('ERR_MODEL_NOT_FOUND', message);
}
