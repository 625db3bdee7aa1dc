import { EmbedlaneError } from '../core/errors.js';
import type { Priority } from './microbatch.js';

interface Group {
  job: number;
  batches: (() => Promise<void>)[];
  resolve(): void;
  reject(error: unknown): void;
}

/** While interactive work never ends, every so many-th turn is bulk's. */
const BULK_TURN = 4;

/**
 * Decides what a lane runs next.
 *
 * Jobs take turns batch by batch, so that a single query waits for at most one batch of each bulk job and not
 * for the whole of them; interactive jobs go before bulk ones, which get every {@link BULK_TURN}th turn. Within a job, order is kept. Between two batches the event loop turns, which is when
 * new work and cancellations arrive.
 */
export class BatchScheduler {
  /** Groups that still have batches, by job; a map's order is the order of the turns. */
  readonly #queues: Record<Priority, Map<number, Group[]>> = { interactive: new Map(), bulk: new Map() };
  /** Turns of interactive jobs since the last of a bulk job. */
  #hurried = 0;
  #running = false;

  /** Runs `batches` when their job has its turn; resolves after the last, rejects with the first failure. */
  run(job: number, batches: (() => Promise<void>)[], priority: Priority = 'bulk'): Promise<void> {
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
    for (const { queue, job, groups } of this.#turns()) {
      const group = groups[0];
      const batch = group.batches.pop() as () => Promise<void>;
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

  *#turns(): Generator<{ queue: Map<number, Group[]>; job: number; groups: Group[] }> {
    for (;;) {
      const queue = this.#nextQueue();
      const next = queue.entries().next();
      if (next.done) return;
      const [job, groups] = next.value;
      // To the back of the queue before it runs, so that work arriving meanwhile comes after it.
      queue.delete(job);
      queue.set(job, groups);
      yield { queue, job, groups };
    }
  }

  #nextQueue(): Map<number, Group[]> {
    const { interactive, bulk } = this.#queues;
    const hurry = interactive.size > 0 && (bulk.size === 0 || this.#hurried < BULK_TURN - 1);
    this.#hurried = hurry && bulk.size > 0 ? this.#hurried + 1 : 0;
    return hurry ? interactive : bulk;
  }
}

function remove(queue: Map<number, Group[]>, job: number, group: Group): void {
  const groups = queue.get(job);
  // A cancelled job has left the map and rejected its groups already.
  if (!groups?.includes(group)) return;
  groups.splice(groups.indexOf(group), 1);
  if (groups.length === 0) queue.delete(job);
}
