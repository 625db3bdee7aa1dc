/** A pair of rows, `i < j`, and their similarity. */
export type ScoredPair = [score: number, i: number, j: number];

/** Keeps the best `capacity` pairs: a binary heap whose root is the worst of them. */
export class BestPairs {
  readonly #capacity: number;
  #scores = new Float32Array(1024);
  #is = new Uint32Array(1024);
  #js = new Uint32Array(1024);
  #size = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#size;
  }

  push(score: number, i: number, j: number): void {
    if (this.#size === this.#capacity) {
      if (!this.#isWorse(0, score, i, j)) return;
      this.#sink(0, score, i, j);
      return;
    }
    if (this.#size === this.#scores.length) this.#grow();
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#isWorse(parent, score, i, j)) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#set(at, score, i, j);
  }

  /** Takes out the worst pair. */
  popWorst(): ScoredPair {
    const worst: ScoredPair = [this.#scores[0], this.#is[0], this.#js[0]];
    const last = --this.#size;
    if (last > 0) this.#sink(0, this.#scores[last], this.#is[last], this.#js[last]);
    return worst;
  }

  /** Puts a pair where the hole at `at` is, or below it. */
  #sink(hole: number, score: number, i: number, j: number): void {
    let at = hole;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#size) break;
      const right = child + 1;
      if (right < this.#size && this.#isWorse(right, this.#scores[child], this.#is[child], this.#js[child])) {
        child = right;
      }
      if (!this.#isWorse(child, score, i, j)) break;
      this.#move(child, at);
      at = child;
    }
    this.#set(at, score, i, j);
  }

  /** Order of the pairs: by score, equal scores by the lower indices. */
  #isWorse(at: number, score: number, i: number, j: number): boolean {
    if (this.#scores[at] !== score) return this.#scores[at] < score;
    if (this.#is[at] !== i) return this.#is[at] > i;
    return this.#js[at] > j;
  }

  #move(from: number, to: number): void {
    this.#set(to, this.#scores[from], this.#is[from], this.#js[from]);
  }

  #set(at: number, score: number, i: number, j: number): void {
    this.#scores[at] = score;
    this.#is[at] = i;
    this.#js[at] = j;
  }

  #grow(): void {
    const length = Math.min(this.#capacity, 2 * this.#scores.length);
    this.#scores = widened(this.#scores, new Float32Array(length));
    this.#is = widened(this.#is, new Uint32Array(length));
    this.#js = widened(this.#js, new Uint32Array(length));
  }
}

function widened<T extends Float32Array | Uint32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
