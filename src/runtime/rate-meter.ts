/** Seconds over which a rate is taken. */
const WINDOW = 10;

/** How much was added per second of late: a ring of one sum per second. */
export class RateMeter {
  readonly #sums = new Float64Array(WINDOW);
  readonly #now: () => number;
  readonly #started: number;
  /** Second that the newest sum is of. */
  #second: number;

  /** @param now milliseconds of a clock that nobody sets */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#started = now();
    this.#second = Math.floor(this.#started / 1000);
  }

  add(amount: number): void {
    this.#advance();
    this.#sums[this.#second % WINDOW] += amount;
  }

  /** Over the last ten seconds, or since the beginning if that is less; at least one second. */
  perSecond(): number {
    this.#advance();
    const elapsed = (this.#now() - this.#started) / 1000;
    // The newest second is not over yet.
    const covered = WINDOW - 1 + (this.#now() / 1000 - this.#second);
    return this.#sums.reduce((sum, part) => sum + part, 0) / Math.max(1, Math.min(elapsed, covered));
  }

  #advance(): void {
    const second = Math.floor(this.#now() / 1000);
    const passed = Math.min(WINDOW, second - this.#second);
    for (let i = 0; i < passed; i++) this.#sums[(second - i) % WINDOW] = 0;
    this.#second = second;
  }
}
