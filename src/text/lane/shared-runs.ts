import { setImmediate } from 'node:timers/promises';
import { concatFloats } from '../../core/concat.js';
import { EmbedlaneError } from '../../core/errors.js';
import { formBatches } from '../../runtime/batching.js';
import type { Priority } from '../../runtime/microbatch.js';
import type { Batch, BatchScheduler } from '../../runtime/scheduler.js';
import type { EmbedRows } from './protocol.js';
import type { Sequence } from './sequences.js';

/** Tokenised texts of one call, whose runs may have texts of other calls. */
export interface SharedTexts {
  /** Encode call that they belong to, for cancellation. */
  job: number;
  priority: Priority;
  /** What calls must have in common for their texts to be in one run. */
  kind: string;
  sequences: readonly Sequence[];
  /** Row of each sequence. */
  indices: readonly number[];
  /** Rows that are not wanted any more. */
  skipped: ReadonlySet<number>;
  /** Runs the model on sequences of this kind, longest first: as many vectors for each as {@link vectors} says. */
  run(sequences: readonly Sequence[]): Promise<{ data: Float32Array }>;
  vectors(sequence: Sequence): number;
  /** Told of each run that had texts of this call. */
  report(rows: EmbedRows): void;
}

interface Call {
  texts: SharedTexts;
  /** Sequences that have no row yet. */
  left: number;
  resolve(): void;
  reject(error: unknown): void;
}

interface Waiting {
  call: Call;
  sequence: Sequence;
  row: number;
}

/** Texts of one kind and priority. */
interface Pool {
  key: string;
  /** As which the scheduler knows its runs. */
  job: number;
  priority: Priority;
  /** Oldest first. */
  waiting: Waiting[];
  /** Whether the scheduler has its next run. */
  queued: boolean;
}

/** Most texts that a run is chosen from. */
const MOST = 512;

/** Jobs of calls count from 0 upwards. */
let nextJob = -2;

/**
 * Forms runs of the model from texts of different calls.
 *
 * A run is formed only when it is about to start, of all that has arrived by then: the more texts it is chosen from, the more
 * of like length there are. Of the batches that `formBatches` would make of them, that with the oldest text is run, and
 * each call is told of its rows as soon as they are there.
 */
export class SharedRuns {
  readonly #scheduler: BatchScheduler;
  readonly #tokenBudget: number;
  readonly #hurriedBudget: number;
  readonly #pools = new Map<string, Pool>();

  /**
   * @param tokenBudget padded tokens of a run
   * @param hurriedBudget the same for a bulk run while queries come
   */
  constructor(scheduler: BatchScheduler, tokenBudget: number, hurriedBudget: number) {
    this.#scheduler = scheduler;
    this.#tokenBudget = tokenBudget;
    this.#hurriedBudget = hurriedBudget;
  }

  /** Resolves when all rows have been reported; rejects when a run that has one of these texts fails. */
  embed(texts: SharedTexts): Promise<void> {
    if (texts.sequences.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const call: Call = { texts, left: texts.sequences.length, resolve, reject };
      const pool = this.#pool(texts);
      texts.sequences.forEach((sequence, i) => {
        pool.waiting.push({ call, sequence, row: texts.indices[i] });
      });
      this.#queue(pool);
    });
  }

  /** Drops what has not started of a job; its calls reject with `ERR_ABORTED`. */
  cancel(job: number): void {
    const aborted = new EmbedlaneError('ERR_ABORTED', 'The operation was aborted');
    for (const pool of this.#pools.values()) {
      for (const { call } of pool.waiting) if (call.texts.job === job) call.reject(aborted);
      drop(pool, ({ call }) => call.texts.job === job);
    }
  }

  #pool({ kind, priority }: SharedTexts): Pool {
    const key = `${priority} ${kind}`;
    let pool = this.#pools.get(key);
    if (!pool) {
      pool = { key, job: nextJob--, priority, waiting: [], queued: false };
      this.#pools.set(key, pool);
    }
    return pool;
  }

  #queue(pool: Pool): void {
    if (pool.queued) return;
    pool.queued = true;
    const batch: Batch = () => this.#run(pool, this.#tokenBudget);
    batch.cut = () => [() => this.#run(pool, this.#hurriedBudget)];
    void this.#scheduler.run(pool.job, [batch], pool.priority);
  }

  /** Never rejects: what fails is the calls' affair. */
  async #run(pool: Pool, budget: number): Promise<void> {
    // What arrived during the last run has not been looked at.
    await setImmediate();
    const members = take(pool, budget);
    pool.queued = false;
    if (pool.waiting.length > 0) this.#queue(pool);
    else this.#pools.delete(pool.key);
    if (members.length === 0) return;
    try {
      const { data } = await members[0].call.texts.run(members.map(({ sequence }) => sequence));
      deliver(members, data);
    } catch (error) {
      const failed = new Set(members.map(({ call }) => call));
      for (const call of failed) call.reject(error);
      drop(pool, ({ call }) => failed.has(call));
    }
  }
}

/** The texts of the next run, longest first. */
function take(pool: Pool, budget: number): Waiting[] {
  for (const { call, row } of pool.waiting) if (call.texts.skipped.has(row)) settle(call, 1);
  drop(pool, ({ call, row }) => call.texts.skipped.has(row));
  const candidates = pool.waiting.slice(0, MOST);
  const lengths = candidates.map(({ sequence }) => sequence.ids.length);
  const members = formBatches(lengths, budget).find((batch) => batch.includes(0)) ?? [];
  const taken = Array.from(members, (place) => candidates[place]);
  const gone = new Set(taken);
  drop(pool, (waiting) => gone.has(waiting));
  return taken;
}

function drop(pool: Pool, which: (waiting: Waiting) => boolean): void {
  pool.waiting = pool.waiting.filter((waiting) => !which(waiting));
}

/** Cuts what a run gave into the shares of its calls. */
function deliver(members: readonly Waiting[], data: Float32Array): void {
  const longest = members[0].sequence.ids.length;
  const vectors = members.map(({ call, sequence }) => call.texts.vectors(sequence));
  const dims = data.length / vectors.reduce((sum, count) => sum + count, 0);
  const starts = new Uint32Array(members.length + 1);
  vectors.forEach((count, i) => {
    starts[i + 1] = starts[i] + count * dims;
  });
  let runs = 1;
  for (const [call, own] of placesByCall(members)) {
    const parts = own.map((i) => data.subarray(starts[i], starts[i + 1]));
    call.texts.report({
      rows: Uint32Array.from(own, (i) => members[i].row),
      data: own.length === members.length ? data : concatFloats(parts),
      lengths: Uint32Array.from(own, (i) => members[i].sequence.ids.length),
      tokens: own.length * longest,
      runs,
    });
    runs = 0;
    settle(call, own.length);
  }
}

function placesByCall(members: readonly Waiting[]): Map<Call, number[]> {
  const places = new Map<Call, number[]>();
  members.forEach(({ call }, i) => {
    const own = places.get(call);
    if (own) own.push(i);
    else places.set(call, [i]);
  });
  return places;
}

function settle(call: Call, rows: number): void {
  call.left -= rows;
  if (call.left === 0) call.resolve();
}
