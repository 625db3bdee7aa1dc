import { Fault } from './fault.js';
import type { RateLimit } from './options.js';

export interface AdmissionLimits {
  maxConcurrentRequests: number;
  /** Milliseconds that a request may have to wait for those before it. */
  maxQueueTime: number;
  maxTotalBodyBytes: number;
  /** Counted for a body whose length the client does not say. */
  maxBodyBytes: number;
}

/**
 * Requests that are let in although they will wait longer: clients may have as many in flight with no harm meant. Of a
 * slow server no more than it answers in a second, but some, so that its lanes always have work.
 */
const BURST = { requests: 64, milliseconds: 1000, least: 4 };

/**
 * A queue this young may be longer by the factor, until it has been short again: after a stall of the machine requests come
 * together that would have fitted one by one. A queue that stays is overload (Maurer, "Fail at Scale", ACM Queue 13:8,
 * 2015).
 */
const YOUNG = { milliseconds: 1000, factor: 2 };

/**
 * Decides at a request's first line whether there is room for it, so that overload costs next to nothing.
 *
 * Who is let in waits for all that are in already, so their number is bounded by the time that the server has lately
 * taken for as many (Little's law): under any load a request is answered within about `maxQueueTime`, or refused at once.
 */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #now: () => number;
  readonly #rate = new ServiceRate();
  #requests = 0;
  #bytes = 0;
  /** When there were last less than half as many requests as there are places. */
  #shortAt = Number.NEGATIVE_INFINITY;

  /** @param now milliseconds of a clock that nobody sets */
  constructor(limits: AdmissionLimits, now: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#now = now;
  }

  get requests(): number {
    return this.#requests;
  }

  /**
   * @param contentLength what the client says, NaN if it says nothing
   * @returns bytes to give back with {@link leave}
   */
  enter(contentLength: number): number {
    const { maxTotalBodyBytes, maxBodyBytes } = this.#limits;
    const bytes = Number.isNaN(contentLength) ? maxBodyBytes : contentLength;
    if (bytes > maxBodyBytes)
      throw new Fault('too_large', `Request body is larger than ${maxBodyBytes} bytes`);
    const full = this.#requests >= this.#room();
    if (full || (this.#requests > 0 && this.#bytes + bytes > maxTotalBodyBytes)) {
      const wait = this.#requests / (this.#rate.perMillisecond ?? Number.POSITIVE_INFINITY);
      throw refusal(Math.max(1, Math.ceil(wait / 1000)));
    }
    if (this.#requests === 0) this.#rate.filling(this.#now());
    this.#requests++;
    this.#bytes += bytes;
    return bytes;
  }

  /** @param served whether it was answered with what it asked for; a refusal takes no time */
  leave(bytes: number, served: boolean): void {
    const busy = this.#requests >= Math.min(BUSY, this.#places());
    this.#requests--;
    this.#bytes -= bytes;
    this.#rate.left(busy, served, this.#now());
    if (this.#requests === 0) this.#rate.emptied(this.#now());
  }

  /** Requests that may be in progress now. */
  #room(): number {
    const places = this.#places();
    const now = this.#now();
    if (this.#requests < places / 2) this.#shortAt = now;
    const young = now - this.#shortAt < YOUNG.milliseconds;
    return Math.min(this.#limits.maxConcurrentRequests, young ? YOUNG.factor * places : places);
  }

  /** And that may be for long. */
  #places(): number {
    const { maxConcurrentRequests, maxQueueTime } = this.#limits;
    const rate = this.#rate.perMillisecond;
    if (rate === undefined) return maxConcurrentRequests;
    const burst = Math.max(BURST.least, Math.max(rate, this.#rate.atLeast) * BURST.milliseconds);
    const places = Math.max(Math.min(BURST.requests, Math.floor(burst)), rate * maxQueueTime);
    return Math.min(maxConcurrentRequests, places);
  }
}

/** By seconds. Most of what a refusal would cost is the stack trace of its error, which nobody reads. */
const refusals = new Map<number, Fault>();

/** How many different ones are kept. */
const MAX_REFUSALS = 60;

function refusal(retryAfter: number): Fault {
  const known = refusals.get(retryAfter);
  if (known) return known;
  const fault = new Fault('overloaded', 'The server is overloaded; try again later', { retryAfter });
  if (refusals.size < MAX_REFUSALS) refusals.set(retryAfter, fault);
  return fault;
}

/** Requests in progress from which on a server has more of them than it can do at once, if it lets so many in. */
const BUSY = 16;

/**
 * How many requests a server answers while it has more of them than it can do at once: of fewer, the rate is that of the
 * clients. It is measured from one answer to before another, so that answers which one run gives together count as one
 * run's, and neither does the loading of a model count.
 */
class ServiceRate {
  /** Least milliseconds and requests of a measurement. */
  static readonly PERIOD = 250;
  static readonly REQUESTS = 32;
  /** Those of a slow server. */
  static readonly LONG_PERIOD = 1000;
  static readonly FEW_REQUESTS = 4;
  /** Part that the latest measurement has in the mean. */
  static readonly LATEST = 0.4;

  perMillisecond: number | undefined;
  /** What it has been seen to do since with fewer requests: one that was slow for a while may be fast again. */
  atLeast = 0;
  #since: number | undefined;
  #served = 0;
  #filledAt = 0;
  #servedSince = 0;

  /** The first request comes. */
  filling(now: number): void {
    this.#filledAt = now;
    this.#servedSince = 0;
  }

  /** The last request has left. */
  emptied(now: number): void {
    if (this.#servedSince === 0) return;
    // A request takes some time, also where the clock shows none.
    this.atLeast = Math.max(this.atLeast, this.#servedSince / Math.max(1, now - this.#filledAt));
  }

  /** @param busy whether the server had more requests than it can do at once, this one among them */
  left(busy: boolean, served: boolean, now: number): void {
    if (served) this.#servedSince++;
    if (!busy) {
      this.#since = undefined;
      return;
    }
    this.#since ??= this.#restart(now);
    const elapsed = now - this.#since;
    if (this.#suffices(elapsed)) {
      const rate = this.#served / elapsed;
      const before = this.perMillisecond ?? rate;
      this.perMillisecond = before + ServiceRate.LATEST * (rate - before);
      this.#since = this.#restart(now);
      this.atLeast = 0;
    }
    if (served) this.#served++;
  }

  #suffices(elapsed: number): boolean {
    const { PERIOD, REQUESTS, LONG_PERIOD, FEW_REQUESTS } = ServiceRate;
    return (
      (elapsed >= PERIOD && this.#served >= REQUESTS) ||
      (elapsed >= LONG_PERIOD && this.#served >= FEW_REQUESTS)
    );
  }

  #restart(now: number): number {
    this.#served = 0;
    return now;
  }
}

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
