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

/** Clients that are remembered; beyond it, those with full buckets are forgotten, as if they had never come. */
const MAX_CLIENTS = 10_000;

/** Clients that are looked at for each one that is new: more than one, so that they become fewer. */
const LOOKED_AT = 2;

/** Token buckets, one pair per client: a minute's worth may come at once, then as much per minute. */
export class RateLimiter {
  /** Whether there is a limit at all. */
  readonly active: boolean;
  readonly #limit: Required<RateLimit>;
  readonly #buckets = new Map<string, Bucket>();

  constructor({ requestsPerMinute = UNLIMITED, tokensPerMinute = UNLIMITED }: RateLimit) {
    this.#limit = { requestsPerMinute, tokensPerMinute };
    this.active = requestsPerMinute !== UNLIMITED || tokensPerMinute !== UNLIMITED;
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
    const known = this.#buckets.get(client);
    if (known) return this.#refilled(known, now);
    if (this.#buckets.size >= MAX_CLIENTS) this.#forgetSome(now);
    const { requestsPerMinute, tokensPerMinute } = this.#limit;
    const bucket = { requests: requestsPerMinute, tokens: tokensPerMinute, updated: now };
    this.#buckets.set(client, bucket);
    return bucket;
  }

  #refilled(bucket: Bucket, now: number): Bucket {
    const { requestsPerMinute, tokensPerMinute } = this.#limit;
    const minutes = (now - bucket.updated) / MINUTE;
    bucket.requests = Math.min(requestsPerMinute, bucket.requests + minutes * requestsPerMinute);
    bucket.tokens = Math.min(tokensPerMinute, bucket.tokens + minutes * tokensPerMinute);
    bucket.updated = now;
    return bucket;
  }

  /** Looks at the first few, and puts those who have not got all back yet behind the others. */
  #forgetSome(now: number): void {
    const { requestsPerMinute, tokensPerMinute } = this.#limit;
    const first = this.#buckets.entries();
    for (let i = 0; i < LOOKED_AT; i++) {
      const [client, bucket] = first.next().value as [string, Bucket];
      this.#buckets.delete(client);
      const { requests, tokens } = this.#refilled(bucket, now);
      if (requests < requestsPerMinute || tokens < tokensPerMinute) this.#buckets.set(client, bucket);
    }
  }

  /** Clients that are remembered. */
  get clients(): number {
    return this.#buckets.size;
  }
}
