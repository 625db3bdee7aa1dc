import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import type { Device } from './options.js';
import { RateMeter } from './rate-meter.js';

/** What a model has done since it was loaded, and what it is doing. */
export interface RuntimeStats extends QueueStats {
  /** Calls in progress. */
  active: number;
  /** Texts done. */
  texts: number;
  /** Tokens of these texts, and the same with the padding that the model was run on. */
  tokens: number;
  paddedTokens: number;
  /** Tokens run per token of text: 1 if there is no padding. */
  paddingRatio: number;
  /** Runs of the model. */
  batches: number;
  /** Part of the token budget that runs fill, padding included, on average. */
  batchFill: number;
  /** Tokens per second, padding not included, over the last ten seconds. */
  tokensPerSecond: number;
  /** Milliseconds from the call to its result. */
  latency: { count: number; mean: number; p50: number; p95: number; p99: number; max: number };
  cache: CacheStats;
  /** Where the model is computed; undefined while it is unloaded. */
  device: Device | undefined;
  /** Lanes in use, and how many have died without having been told to. */
  lanes: { alive: number; deaths: number };
}

export interface QueueStats {
  /** Texts of small calls that wait for their turn, and those that are in a run now. */
  waiting: number;
  running: number;
  /** Texts that several callers wanted at the same time and that were computed once. */
  shared: number;
}

/** What the cache of vectors has done and holds. */
export interface CacheStats {
  /** Texts that were there, and those that were not. */
  hits: number;
  misses: number;
  entries: number;
  bytes: number;
}

/** What the meter is told when it is read. */
export type CurrentState = QueueStats & Pick<RuntimeStats, 'cache' | 'device' | 'lanes'>;

/** Counts what {@link RuntimeStats} reports. */
export class RuntimeMeter {
  /** Padded tokens of a run at most. */
  readonly tokenBudget: number;
  #active = 0;
  #texts = 0;
  #tokens = 0;
  #paddedTokens = 0;
  #batches = 0;
  readonly #rate = new RateMeter();
  /** In microseconds. */
  readonly #latency: RecordableHistogram = createHistogram({ figures: 3 });

  constructor(tokenBudget: number) {
    this.tokenBudget = tokenBudget;
  }

  /**
   * Texts that have been through the model.
   *
   * @param runs 0 if another call's share of the same run counts it
   */
  batch(texts: number, tokens: number, paddedTokens: number, runs = 1): void {
    this.#texts += texts;
    this.#tokens += tokens;
    this.#paddedTokens += paddedTokens;
    this.#batches += runs;
    this.#rate.add(tokens);
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

  stats(current: CurrentState): RuntimeStats {
    const histogram = this.#latency;
    const { count } = histogram;
    const ms = (microseconds: number) => (count === 0 ? 0 : microseconds / 1000);
    return {
      ...current,
      active: this.#active,
      texts: this.#texts,
      tokens: this.#tokens,
      paddedTokens: this.#paddedTokens,
      paddingRatio: this.#paddedTokens / Math.max(1, this.#tokens),
      batches: this.#batches,
      batchFill: this.#paddedTokens / Math.max(1, this.#batches * this.tokenBudget),
      tokensPerSecond: this.#rate.perSecond(),
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
