import { unref } from '../core/realms.js';

/**
 * Notices that work has been waiting for so long that more lanes would have paid off: when the milliseconds for which
 * any waited add up to what starting a lane takes. Whatever comes next, waiting with the decision has then cost no
 * more than the start.
 */
export class Backlog {
  readonly #onEnough: () => void;
  #patience = Number.POSITIVE_INFINITY;
  #waiting = 0;
  #since = 0;
  /** Milliseconds of waiting before {@link #since}. */
  #before = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(onEnough: () => void) {
    this.#onEnough = onEnough;
  }

  /** Milliseconds of waiting that are enough. Infinity until it is set. */
  set patience(milliseconds: number) {
    this.#patience = milliseconds;
  }

  /** Something waits, until the returned function is called. */
  wait(): () => void {
    if (this.#waiting === 0) this.#begin();
    this.#waiting++;
    let over = false;
    return () => {
      if (over) return;
      over = true;
      this.#waiting--;
      if (this.#waiting === 0) this.#end();
    };
  }

  #begin(): void {
    const now = performance.now();
    // Waiting long ago says nothing about now: it is forgotten as fast as it came.
    this.#before = Math.max(0, this.#before - (now - this.#since));
    this.#since = now;
    if (!Number.isFinite(this.#patience)) return;
    this.#timer = setTimeout(() => {
      this.#before = 0;
      this.#since = performance.now();
      this.#onEnough();
    }, this.#patience - this.#before);
    unref(this.#timer);
  }

  #end(): void {
    clearTimeout(this.#timer);
    const now = performance.now();
    this.#before += now - this.#since;
    this.#since = now;
  }
}
