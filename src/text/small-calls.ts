import { MicroBatcher, type Submission } from '../runtime/index.js';
import type { EncodePlan } from './options.js';
import type { RowSink } from './rows.js';

/** One text's share of a run. */
export interface EncodedText {
  /** One row, or one per token. */
  rows: Float32Array;
  tokens: number;
}

/**
 * A second run, tokenised while the first is in the model, was measured to lose more (0.88 of the throughput of 64
 * callers on two cores) by making both smaller than it gains.
 */
const RUNS = 1;

/** UTF-8 bytes per token of ordinary text; the lane counts exactly, this only sizes runs. */
const BYTES_PER_TOKEN = 4;
const SPECIAL_TOKENS = 2;

/** Calls with few short texts, which share runs of the model with those of other callers. */
export class SmallCalls {
  readonly #batcher: MicroBatcher<EncodedText>;
  readonly #budget: number;

  /**
   * @param run computes texts under one plan
   * @param budget tokens of one run
   * @param maxQueue most texts that may wait
   */
  constructor(
    run: (texts: string[], plan: EncodePlan) => Promise<EncodedText[]>,
    budget: number,
    maxQueue: number,
  ) {
    this.#budget = budget;
    this.#batcher = new MicroBatcher(
      (group, texts, priority, signal) => run(texts, { ...JSON.parse(group), priority, signal }),
      { budget, maxQueue, runs: RUNS },
    );
  }

  get queue(): { waiting: number; running: number; shared: number } {
    const { waiting, running, shared } = this.#batcher;
    return { waiting, running, shared };
  }

  /** Whether a call is small enough; one that wants to hear of its progress is a job of its own. */
  accepts(texts: readonly string[], plan: EncodePlan): boolean {
    if (plan.onProgress) return false;
    let cost = 0;
    for (const text of texts) {
      cost += estimate(text, plan);
      if (cost > this.#budget) return false;
    }
    return true;
  }

  /**
   * @returns tokens of all texts
   * @throws {EmbedlaneError} `ERR_OVERLOADED` if too many texts wait
   */
  async encode(texts: readonly string[], plan: EncodePlan, sink: RowSink<unknown>): Promise<number> {
    const { signal, onProgress: _, onUsage: __, quantization: ___, priority, ...alike } = plan;
    const submissions = texts.map(
      (text): Submission => ({
        text,
        cost: estimate(text, plan),
        priority: priority ?? 'interactive',
      }),
    );
    const results = await this.#batcher.submit(JSON.stringify(alike), submissions, signal);
    let tokens = 0;
    results.forEach((result, i) => {
      sink.place(i, result.rows);
      tokens += result.tokens;
    });
    return tokens;
  }

  close(error: unknown): void {
    this.#batcher.close(error);
  }
}

function estimate(text: string, { prompt }: EncodePlan): number {
  // No need to count the bytes of what is far too long anyway.
  const bytes = text.length > 2 ** 16 ? text.length : Buffer.byteLength(text);
  return SPECIAL_TOKENS + Math.ceil((bytes + prompt.length) / BYTES_PER_TOKEN);
}
