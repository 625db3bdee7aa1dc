import { setImmediate } from 'node:timers/promises';
import { EmbedlaneError } from '../core/errors.js';
import type { Priority } from './microbatch.js';

/** One run of the model. */
export interface Batch {
  (): Promise<void>;
  /** The same work in smaller runs, in order; absent if it is small already. */
  cut?: () => Batch[];
}

interface Group {
  job: number;
  /** The next one is the last. */
  batches: Batch[];
  resolve(): void;
  reject(error: unknown): void;
}

/** While interactive work never ends, every so many-th turn is bulk's. */
const BULK_TURN = 4;

/** Milliseconds after interactive work for which more of it is expected. */
const HURRY = 2000;

/**
 * Decides what a lane runs next.
 *
 * Jobs take turns batch by batch, so that a single query waits for at most one batch of each bulk job and not
 * for the whole of them; interactive jobs go before bulk ones, which get every {@link BULK_TURN}th turn. Within a job,
 * order is kept. Between two batches the event loop turns, which is when new work and cancellations arrive.
 *
 * A query that arrives during a run waits for the rest of it. While queries come, bulk batches are therefore cut into
 * smaller ones; and what is only being tokenised yet is waited for, since the next bulk batch would be longer.
 */
export class BatchScheduler {
  /** Groups that still have batches, by job; a map's order is the order of the turns. */
  readonly #queues: Record<Priority, Map<number, Group[]>> = { interactive: new Map(), bulk: new Map() };
  /** Interactive work that is being prepared. */
  readonly #expected = new Set<Promise<unknown>>();
  readonly #now: () => number;
  /** Turns of interactive jobs since the last of a bulk job. */
  #hurried = 0;
  #lastInteractive = Number.NEGATIVE_INFINITY;
  #running = false;

  /** @param now milliseconds of a clock that nobody sets */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Runs `batches` when their job has its turn; resolves after the last, rejects with the first failure. */
  run(job: number, batches: readonly Batch[], priority: Priority = 'bulk'): Promise<void> {
    if (batches.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const group = { job, batches: [...batches].reverse(), resolve, reject };
      const queue = this.#queues[priority];
      const groups = queue.get(job);
      if (groups) groups.push(group);
      else queue.set(job, [group]);
      if (!this.#running) void this.#drain();
    });
  }

  /** Holds bulk work back until interactive work is ready to be run. */
  expect(preparation: Promise<unknown>): void {
    this.#lastInteractive = this.#now();
    this.#expected.add(preparation);
    const done = () => void this.#expected.delete(preparation);
    preparation.then(done, done);
  }

  /** Drops what has not started of a job; its groups reject with `ERR_ABORTED`. */
  cancel(job: number): void {
    for (const queue of Object.values(this.#queues)) {
      const groups = queue.get(job) ?? [];
      queue.delete(job);
      for (const group of groups)
        group.reject(new EmbedlaneError('ERR_ABORTED', 'The operation was aborted'));
    }
  }

  async #drain(): Promise<void> {
    this.#running = true;
    for (;;) {
      await this.#listen();
      const turn = this.#nextTurn();
      if (!turn) break;
      const { queue, job, group } = turn;
      const batch = this.#nextBatch(group, queue === this.#queues.bulk);
      try {
        await batch();
        if (group.batches.length > 0) continue;
        group.resolve();
      } catch (error) {
        group.reject(error);
      }
      remove(queue, job, group);
    }
    this.#running = false;
  }

  /** Lets messages come in, and what is interactive among them be tokenised. */
  async #listen(): Promise<void> {
    // Inference blocks this thread: what arrived meanwhile has not been looked at. Nothing waits if nothing is bulk.
    if (this.#queues.bulk.size === 0) return;
    await setImmediate();
    if (this.#expected.size > 0) await Promise.allSettled([...this.#expected]);
  }

  #nextTurn(): { queue: Map<number, Group[]>; job: number; group: Group } | undefined {
    const queue = this.#nextQueue();
    const next = queue.entries().next();
    if (next.done) return undefined;
    const [job, groups] = next.value;
    // To the back of the queue before it runs, so that work arriving meanwhile comes after it.
    queue.delete(job);
    queue.set(job, groups);
    return { queue, job, group: groups[0] };
  }

  #nextQueue(): Map<number, Group[]> {
    const { interactive, bulk } = this.#queues;
    const hurry = interactive.size > 0 && (bulk.size === 0 || this.#hurried < BULK_TURN - 1);
    this.#hurried = hurry && bulk.size > 0 ? this.#hurried + 1 : 0;
    if (hurry) this.#lastInteractive = this.#now();
    return hurry ? interactive : bulk;
  }

  #nextBatch({ batches }: Group, bulk: boolean): Batch {
    const batch = batches.pop() as Batch;
    if (!bulk || !batch.cut || this.#now() - this.#lastInteractive > HURRY) return batch;
    const [first, ...rest] = batch.cut();
    batches.push(...rest.reverse());
    return first;
  }
}

function remove(queue: Map<number, Group[]>, job: number, group: Group): void {
  const groups = queue.get(job);
  // A cancelled job has left the map and rejected its groups already.
  if (!groups?.includes(group)) return;
  groups.splice(groups.indexOf(group), 1);
  if (groups.length === 0) queue.delete(job);
}
