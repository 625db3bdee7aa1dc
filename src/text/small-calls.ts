import { LRUCache } from 'lru-cache';
import { type CacheStats, MicroBatcher, type QueueStats, type Submission } from '../runtime/index.js';
import type { EncodePlan } from './options.js';
import type { RowSink } from './rows.js';
import type { TextJobs } from './text-jobs.js';
import type { TextLane } from './text-lane.js';

/** One text's share of a run. */
export interface EncodedText {
  /** One row, or one per token; a view of what the run gave for all of its texts. */
  rows: Float32Array;
  tokens: number;
}

export interface SmallCallSettings {
  /** Tokens of one run. */
  budget: number;
  /** Most texts that may wait. */
  maxQueue: number;
  lane: Pick<TextLane, 'ready' | 'wait'>;
  /** Bytes of results that are kept. */
  cacheBytes: number;
}

type Alike = Omit<EncodePlan, 'signal' | 'onProgress' | 'onUsage' | 'quantization' | 'priority' | 'timeout'>;

/** UTF-8 bytes per token of ordinary text; the lane counts exactly, this only sizes runs. */
const BYTES_PER_TOKEN = 4;
const SPECIAL_TOKENS = 2;

/** Rough size of a cached result's objects, besides its numbers and characters. */
const ENTRY_BYTES = 400;

/** Calls with few short texts, which share runs of the model with those of other callers. */
export class SmallCalls {
  readonly #batcher: MicroBatcher<EncodedText>;
  readonly #budget: number;
  readonly #cache: LRUCache<string, EncodedText> | undefined;
  #hits = 0;
  #misses = 0;

  /** @param jobs computes texts under one plan */
  constructor(jobs: Pick<TextJobs, 'runShared'>, { budget, maxQueue, lane, cacheBytes }: SmallCallSettings) {
    this.#budget = budget;
    this.#batcher = new MicroBatcher(
      (group, texts, shared) => {
        const { priority, signal } = shared;
        return jobs.runShared(texts, { ...JSON.parse(group), priority, signal }, shared);
      },
      { budget, maxQueue, lanes: () => lane.ready, onWait: () => lane.wait() },
    );
    if (cacheBytes > 0) this.#cache = new LRUCache({ maxSize: cacheBytes, sizeCalculation: sizeOf });
  }

  get queue(): QueueStats {
    const { waiting, running, shared } = this.#batcher;
    return { waiting, running, shared };
  }

  get cache(): CacheStats {
    const { size: entries = 0, calculatedSize: bytes = 0 } = this.#cache ?? {};
    return { hits: this.#hits, misses: this.#misses, entries, bytes };
  }

  /** Whether a call is small enough; one that wants to hear of its progress, or spans, is a job of its own. */
  accepts(texts: readonly string[], plan: EncodePlan): boolean {
    if (plan.onProgress || plan.spans) return false;
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
    const group = groupOf(plan);
    let tokens = 0;
    const place = (index: number, result: EncodedText) => {
      sink.place(index, result.rows, result.tokens);
      tokens += result.tokens;
    };
    const wanted: number[] = [];
    texts.forEach((text, i) => {
      const known = this.#cached(group, text);
      if (known) place(i, known);
      else wanted.push(i);
    });
    const submissions = wanted.map(
      (i): Submission => ({
        text: texts[i],
        cost: estimate(texts[i], plan),
        priority: plan.priority ?? 'interactive',
      }),
    );
    const computed = await this.#batcher.submit(group, submissions, plan.signal);
    wanted.forEach((i, n) => {
      const result = computed[n];
      place(i, result);
      // A view would keep the rows of all other texts of its run.
      this.#cache?.set(cacheKey(group, texts[i]), { ...result, rows: result.rows.slice() });
    });
    return tokens;
  }

  close(error: unknown): void {
    this.#batcher.close(error);
    this.#cache?.clear();
  }

  #cached(group: string, text: string): EncodedText | undefined {
    if (!this.#cache) return undefined;
    const result = this.#cache.get(cacheKey(group, text));
    if (result) this.#hits++;
    else this.#misses++;
    return result;
  }
}

/** What texts must have in common to be run together: all of a plan that has an influence on their rows. */
function groupOf(plan: EncodePlan): string {
  const { normalize, truncateDim, prompt, route, output, truncation, chunking, spans } = plan;
  const alike: Alike = { normalize, truncateDim, prompt, route, output, truncation, chunking, spans };
  return JSON.stringify(alike);
}

function cacheKey(group: string, text: string): string {
  return `${group}\n${text}`;
}

/** Bytes that an entry takes; strings have up to two bytes per unit. */
function sizeOf({ rows }: EncodedText, key: string): number {
  return ENTRY_BYTES + rows.byteLength + 2 * key.length;
}

function estimate(text: string, { prompt }: EncodePlan): number {
  // No need to count the bytes of what is far too long anyway.
  const bytes = text.length > 2 ** 16 ? text.length : Buffer.byteLength(text);
  return SPECIAL_TOKENS + Math.ceil((bytes + prompt.length) / BYTES_PER_TOKEN);
}
