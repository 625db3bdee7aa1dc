import { setTimeout as delay } from 'node:timers/promises';
import pRetry from 'p-retry';
import { abortError } from './abort.js';
import type { EmbedlaneError } from './errors.js';

/** A failure that may not happen again. */
export class Transient extends Error {
  /** What the caller gets if it does. */
  readonly failure: EmbedlaneError;
  /** Milliseconds that the server asks to wait. */
  readonly retryAfter: number | undefined;
  /** Whether the attempt got somewhere, so that the next one starts further on. */
  readonly progressed: boolean;

  constructor(failure: EmbedlaneError, options: { retryAfter?: number; progressed?: boolean } = {}) {
    super(failure.message);
    this.failure = failure;
    this.retryAfter = options.retryAfter;
    this.progressed = options.progressed ?? false;
  }
}

/** Repetitions of attempts that got nowhere. */
const RETRIES = 3;
const BACKOFF = { minTimeout: 300, maxTimeout: 8000, factor: 2, randomize: true };
/** Pause after a connection that brought something before it broke. */
const RECONNECT = 300;
/** A server that asks for more patience than this gets none: the caller decides. */
const LONGEST_PAUSE = 60_000;

/**
 * Repeats an operation while it fails with {@link Transient}: exponential backoff with jitter, and not before
 * the server wants to be asked again. Attempts that made progress do not count.
 */
export async function retry<T>(
  operation: () => Promise<T>,
  signal: AbortSignal | undefined,
  { retries = RETRIES }: { retries?: number } = {},
): Promise<T> {
  try {
    return await pRetry(operation, {
      ...BACKOFF,
      retries,
      signal,
      shouldConsumeRetry: ({ error }) => !(error instanceof Transient && error.progressed),
      shouldRetry: async ({ error }) => {
        if (!(error instanceof Transient) || (error.retryAfter ?? 0) > LONGEST_PAUSE) return false;
        await delay(error.retryAfter ?? (error.progressed ? RECONNECT : 0), undefined, { signal });
        return true;
      },
    });
  } catch (error) {
    if (signal?.aborted) throw abortError(signal);
    throw error instanceof Transient ? error.failure : error;
  }
}
