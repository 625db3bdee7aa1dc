/** Runs of a model between two collections: some seconds of work. */
const RUNS = 256;

/**
 * Has V8 look at all of a lane's heap now and then. What a run is given and gives lives for some runs, which is long enough
 * to be taken for old, and old objects are few and small beside the buffers behind them: V8 comes when megabytes of the
 * latter have gathered, by other amounts each time, and lanes grew for as long as anybody looked. One collection takes some
 * milliseconds.
 */
export class RunGarbage {
  #runs = 0;

  /** A run is over. Lanes that are processes run with --expose-gc; threads do without. */
  count(): void {
    this.#runs++;
    if (this.#runs % RUNS === 0) setImmediate(() => globalThis.gc?.());
  }
}
