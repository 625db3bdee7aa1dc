/** Requests in progress from which on a server has more of them than it can do at once, if it lets so many in. */
export const BUSY = 16;

/**
 * How many requests a server answers while it has more of them than it can do at once: of fewer, the rate is that of the
 * clients. It is measured from one answer to before another, so that answers which one run gives together count as one
 * run's, and neither does the loading of a model count.
 */
export class ServiceRate {
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
