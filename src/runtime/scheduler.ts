import { EmbedlaneError } from '../core/errors.js';

interface Group {
  job: number;
  batches: (() => Promise<void>)[];
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * Decides what a lane runs next.
 *
 * Jobs take turns batch by batch, so that a single query waits for at most one batch of each bulk job and not
 * for the whole of them. Within a job, order is kept. Between two batches the event loop turns, which is when
 * new work and cancellations arrive.
 */
export class BatchScheduler {
  /** Groups that still have batches, by job; the map's order is the order of the turns. */
  readonly #jobs = new Map<number, Group[]>();
  #running = false;

  /** Runs `batches` when their job has its turn; resolves after the last, rejects with the first failure. */
  run(job: number, batches: (() => Promise<void>)[]): Promise<void> {
    if (batches.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const group = { job, batches: [...batches].reverse(), resolve, reject };
      const groups = this.#jobs.get(job);
      if (groups) groups.push(group);
      else this.#jobs.set(job, [group]);
      if (!this.#running) void this.#drain();
    });
  }

  /** Drops what has not started of a job; its groups reject with `ERR_ABORTED`. */
  cancel(job: number): void {
    const groups = this.#jobs.get(job) ?? [];
    this.#jobs.delete(job);
    for (const group of groups) group.reject(new EmbedlaneError('ERR_ABORTED', 'The operation was aborted'));
  }

  async #drain(): Promise<void> {
    this.#running = true;
    for (const [job, groups] of this.#turns()) {
      const group = groups[0];
      const batch = group.batches.pop() as () => Promise<void>;
      try {
        await batch();
        if (group.batches.length > 0) continue;
        group.resolve();
      } catch (error) {
        group.reject(error);
      }
      this.#remove(job, group);
    }
    this.#running = false;
  }

  *#turns(): Generator<[number, Group[]]> {
    for (;;) {
      const next = this.#jobs.entries().next();
      if (next.done) return;
      const [job, groups] = next.value;
      // To the back of the queue before it runs, so that work arriving meanwhile comes after it.
      this.#jobs.delete(job);
      this.#jobs.set(job, groups);
      yield next.value;
    }
  }

  #remove(job: number, group: Group): void {
    const groups = this.#jobs.get(job);
    // A cancelled job has left the map and rejected its groups already.
    if (!groups?.includes(group)) return;
    groups.splice(groups.indexOf(group), 1);
    if (groups.length === 0) this.#jobs.delete(job);
  }
}
