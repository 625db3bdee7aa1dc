import { Fault } from './fault.js';
import { BUSY, ServiceRate } from './service-rate.js';

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
 * slow server no more than it answers in a second, but some, so that its lanes always have work; while nothing is known
 * of a server, so many that it becomes known.
 */
const BURST = { requests: 64, milliseconds: 1000, least: 4, unknown: 512 };

/**
 * Overload is more requests than the server can do, not a long queue: after a stall of the machine many come together that
 * would have fitted one by one, and such a queue becomes shorter by itself. So what comes is counted, what the server can
 * do (and a little more) is subtracted, and when `milliseconds` worth of work is too much, or `least` requests, all beyond
 * a shorter queue is refused, until half of the excess is gone or the queue is empty. That queue is `part` of the longest:
 * a run for each lane and the next one. (Maurer, "Fail at Scale", ACM Queue 13:8, 2015, tells overload by the time since
 * the queue was last empty.)
 */
const OVERLOAD = { milliseconds: 1000, least: 128, slack: 1.1, part: 1 / 6 };

/**
 * Decides at a request's first line whether there is room for it, so that overload costs next to nothing.
 *
 * Who is let in waits for all that are in already, so their number is bounded by the time that the server has lately
 * taken for as many (Little's law): under any load a request is answered within about `maxQueueTime`, or refused at once,
 * and while there is more to do than can be done, within a fraction of it.
 */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #now: () => number;
  readonly #rate = new ServiceRate();
  #requests = 0;
  #bytes = 0;
  /** Requests that came beyond what could be done lately. */
  #excess = 0;
  #countedAt = 0;
  #overloaded = false;

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
    this.#count();
    const full = this.#requests >= this.#places();
    if (full || (this.#requests > 0 && this.#bytes + bytes > maxTotalBodyBytes)) {
      const wait = this.#requests / (this.#rate.perMillisecond ?? Number.POSITIVE_INFINITY);
      throw refusal(Math.max(1, Math.ceil(wait / 1000)));
    }
    if (this.#requests === 0) this.#rate.filling(this.#now());
    this.#requests++;
    this.#bytes += bytes;
    return bytes;
  }

  /** Gives back, of what {@link enter} took, what a body did not need that came without its length. */
  arrived(unused: number): void {
    this.#bytes -= unused;
  }

  /** @param served whether it was answered with what it asked for; a refusal takes no time */
  leave(bytes: number, served: boolean): void {
    const busy = this.#requests >= Math.min(BUSY, this.#places());
    this.#requests--;
    this.#bytes -= bytes;
    this.#rate.left(busy, served, this.#now());
    if (this.#requests > 0) return;
    this.#rate.emptied(this.#now());
    this.#excess = 0;
  }

  /** Counts a request that comes, let in or not. */
  #count(): void {
    const rate = this.#rate.perMillisecond;
    if (rate === undefined) return;
    const now = this.#now();
    const done = OVERLOAD.slack * Math.max(rate, this.#rate.atLeast) * (now - this.#countedAt);
    const most = Math.max(OVERLOAD.least, rate * OVERLOAD.milliseconds);
    this.#excess = Math.min(most, Math.max(0, this.#excess - done) + 1);
    this.#countedAt = now;
    this.#overloaded = this.#excess >= (this.#overloaded ? most / 2 : most);
  }

  /** Requests that may be in progress. */
  #places(): number {
    const { maxConcurrentRequests, maxQueueTime } = this.#limits;
    const rate = this.#rate.perMillisecond;
    if (rate === undefined) return Math.min(maxConcurrentRequests, BURST.unknown);
    const burst = Math.max(BURST.least, Math.max(rate, this.#rate.atLeast) * BURST.milliseconds);
    const queue = rate * maxQueueTime * (this.#overloaded ? OVERLOAD.part : 1);
    return Math.min(maxConcurrentRequests, Math.max(Math.min(BURST.requests, Math.floor(burst)), queue));
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
