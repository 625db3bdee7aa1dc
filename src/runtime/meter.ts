import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

/** What a model has done since it was loaded, and what it is doing. */
export interface RuntimeStats {
  /** Calls in progress. */
  active: number;
  /** Texts of small calls that wait for their turn, and those that are in a run now. */
  waiting: number;
  running: number;
  /** Texts done. */
  texts: number;
  /** Texts that several callers wanted at the same time and that were computed once. */
  shared: number;
  /** Tokens of these texts, and the same with the padding that the model was run on. */
  tokens: number;
  paddedTokens: number;
  /** Runs of the model. */
  batches: number;
  /** Milliseconds from the call to its result. */
  latency: { count: number; mean: number; p50: number; p95: number; p99: number; max: number };
}

/** Counts what {@link RuntimeStats} reports. */
export class RuntimeMeter {
  #active = 0;
  #texts = 0;
  #tokens = 0;
  #paddedTokens = 0;
  #batches = 0;
  /** In microseconds. */
  readonly #latency: RecordableHistogram = createHistogram({ figures: 3 });

  /** One run of the model. */
  batch(texts: number, tokens: number, paddedTokens: number): void {
    this.#texts += texts;
    this.#tokens += tokens;
    this.#paddedTokens += paddedTokens;
    this.#batches++;
  }

  /** Times a call; failed ones do not count. */
  async call<T>(work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    this.#active++;
    try {
      const result = await work();
      this.#latency.record(Math.max(1, Math.round((performance.now() - start) * 1000)));
      return result;
    } finally {
      this.#active--;
    }
  }

  stats(queue: { waiting: number; running: number; shared: number }): RuntimeStats {
    const histogram = this.#latency;
    const { count } = histogram;
    const ms = (microseconds: number) => (count === 0 ? 0 : microseconds / 1000);
    return {
      active: this.#active,
      waiting: queue.waiting,
      running: queue.running,
      texts: this.#texts,
      shared: queue.shared,
      tokens: this.#tokens,
      paddedTokens: this.#paddedTokens,
      batches: this.#batches,
      latency: {
        count,
        mean: ms(histogram.mean),
        p50: ms(histogram.percentile(50)),
        p95: ms(histogram.percentile(95)),
        p99: ms(histogram.percentile(99)),
        max: ms(histogram.max),
      },
    };
  }
}
