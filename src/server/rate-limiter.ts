import { Fault } from './fault.js';
import type { RateLimit } from './options.js';

interface Bucket {
  requests: number;
  tokens: number;
  /** Milliseconds of the monotonic clock, which no clock change reaches. */
  updated: number;
}

const MINUTE = 60_000;

/** Finite, because the arithmetic of buckets has no use for NaN. */
const UNLIMITED = Number.MAX_SAFE_INTEGER;

/** Clients that are remembered; beyond it, those with full buckets are forgotten. */
const MAX_CLIENTS = 10_000;

/** Token buckets, one pair per client: a minute's worth may come at once, then as much per minute. */
export class RateLimiter {
  readonly #limit: Required<RateLimit>;
  readonly #buckets = new Map<string, Bucket>();

  constructor({ requestsPerMinute = UNLIMITED, tokensPerMinute = UNLIMITED }: RateLimit) {
    this.#limit = { requestsPerMinute, tokensPerMinute };
  }

  get active(): boolean {
    return Object.values(this.#limit).some((limit) => limit !== UNLIMITED);
  }

  /** Takes one request from the client's bucket. */
  take(client: string, now = performance.now()): void {
    const bucket = this.#refill(client, now);
    const { requestsPerMinute, tokensPerMinute } = this.#limit;
    const wait = Math.max(
      ((1 - bucket.requests) / requestsPerMinute) * MINUTE,
      // Tokens are only known afterwards: a request may overdraw, and the next one waits for it.
      bucket.tokens > 0 ? 0 : ((1 - bucket.tokens) / tokensPerMinute) * MINUTE,
    );
    if (wait > 0) {
      throw new Fault('rate_limited', 'Rate limit reached; try again later', {
        retryAfter: Math.ceil(wait / 1000),
      });
    }
    bucket.requests--;
  }

  /** Takes the tokens of a finished request. */
  spend(client: string, tokens: number, now = performance.now()): void {
    this.#refill(client, now).tokens -= tokens;
  }

  #refill(client: string, now: number): Bucket {
    const { requestsPerMinute, tokensPerMinute } = this.#limit;
    let bucket = this.#buckets.get(client);
    if (!bucket) {
      if (this.#buckets.size >= MAX_CLIENTS) this.#forget(now);
      bucket = { requests: requestsPerMinute, tokens: tokensPerMinute, updated: now };
      this.#buckets.set(client, bucket);
    }
    const minutes = (now - bucket.updated) / MINUTE;
    bucket.requests = Math.min(requestsPerMinute, bucket.requests + minutes * requestsPerMinute);
    bucket.tokens = Math.min(tokensPerMinute, bucket.tokens + minutes * tokensPerMinute);
    bucket.updated = now;
    return bucket;
  }

  #forget(now: number): void {
    for (const [client, { updated }] of this.#buckets)
      if (now - updated > MINUTE) this.#buckets.delete(client);
  }
}
