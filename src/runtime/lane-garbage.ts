/** Runs of a model between two collections of everything: some seconds of work. */
const RUNS = 256;

/** Tokens whose encodings may wait for the collector: some megabytes. */
const TOKENS = 16_384;

/**
 * Has V8 collect a lane's garbage before it would by itself. It looks at small objects, and a lane's garbage is the memory
 * behind them, which was given back late, by other amounts each time, and in so many pieces that the process kept it:
 *
 * - What a run is given and gives lives for some runs, which is long enough to be taken for old. V8 comes for old objects
 *   when megabytes of buffers have gathered, and lanes grew for as long as anybody looked.
 * - Encodings are the tokenizer library's memory, a hundred bytes and more per token, of which V8 knows nothing. They are
 *   young: a collection of those takes a fraction of the milliseconds that one of everything takes.
 *
 * Lanes that are processes run with `--expose-gc`; threads do without.
 */
export class LaneGarbage {
  #runs = 0;
  #tokens = 0;
  #waiting: 'minor' | 'major' | undefined;

  /** A run of a model is over. */
  runEnded(): void {
    if (++this.#runs >= RUNS) this.#collect('major');
  }

  /** These encodings will soon not be needed any more. Returns them. */
  encodingsMade<T extends { getLength(): number }>(encodings: T[]): T[] {
    for (const encoding of encodings) this.#tokens += encoding.getLength();
    if (this.#tokens >= TOKENS) this.#collect('minor');
    return encodings;
  }

  /** In the next turn, when the caller has let go of what it has; one of everything takes young objects too. */
  #collect(kind: 'minor' | 'major'): void {
    this.#tokens = 0;
    if (kind === 'major') this.#runs = 0;
    const isAsked = this.#waiting !== undefined;
    if (this.#waiting !== 'major') this.#waiting = kind;
    if (isAsked) return;
    setImmediate(() => {
      const { gc } = globalThis;
      if (this.#waiting === 'major') gc?.();
      else gc?.({ type: 'minor' } as never);
      this.#waiting = undefined;
    });
  }
}

/** The one of this process or thread, whose sessions and tokenizers share a heap. */
export const laneGarbage = new LaneGarbage();
