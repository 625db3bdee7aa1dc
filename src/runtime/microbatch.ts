import { abortError } from '../core/abort.js';
import { EmbedlaneError } from '../core/errors.js';

/** How urgent a text is: a person waits for it, or a job that has many more. */
export type Priority = 'interactive' | 'bulk';

export interface MicroBatchOptions {
  /** Most that the texts of one run may cost together; a text that costs more is run alone. */
  budget: number;
  /** Most texts that may wait. */
  maxQueue: number;
  /** Most runs at a time, as of now. */
  runs(): number;
  /** Told that a text waits for a run to end; calls what it returns when none does any more. */
  onWait(): () => void;
}

export interface Submission {
  text: string;
  /** Estimated cost, in the unit of the budget. */
  cost: number;
  priority: Priority;
}

/** Runs texts that are to be treated alike. Results are in the order of the texts. */
export type RunTexts<Result> = (
  group: string,
  texts: string[],
  priority: Priority,
  signal: AbortSignal,
) => Promise<Result[]>;

interface Waiter<Result> {
  resolve(result: Result): void;
  reject(error: unknown): void;
}

/** A text that waits or runs, for all who asked for it. */
interface Entry<Result> {
  group: string;
  text: string;
  cost: number;
  priority: Priority;
  /** Turn of the pump at which it came. */
  since: number;
  waiters: Set<Waiter<Result>>;
  run: Run<Result> | undefined;
}

interface Run<Result> {
  entries: Entry<Result>[];
  stop: AbortController;
}

/** A bulk text that has seen so many runs start before it goes first, whatever else waits. */
const PATIENCE = 8;

/**
 * Lets texts of different callers share runs of the model.
 *
 * While runs are in progress, what arrives is collected, and the next run takes as many texts of one group as
 * its budget allows: the batch size follows the load by itself, and an idle model starts at once. What arrives
 * within one turn of the event loop goes together. Identical texts in flight are computed once. A run that
 * fails is repeated text by text, so that one bad text harms no other caller.
 */
export class MicroBatcher<Result> {
  readonly #run: RunTexts<Result>;
  readonly #options: MicroBatchOptions;
  /** Waiting texts, oldest first. */
  readonly #queues: Record<Priority, Set<Entry<Result>>> = { interactive: new Set(), bulk: new Set() };
  /** Waiting and running texts by group and text. */
  readonly #known = new Map<string, Map<string, Entry<Result>>>();
  readonly #runs = new Set<Run<Result>>();
  #turn = 0;
  #scheduled = false;
  #shared = 0;
  #waited: (() => void) | undefined;

  constructor(run: RunTexts<Result>, options: MicroBatchOptions) {
    this.#run = run;
    this.#options = options;
  }

  /** Texts that have not been started. */
  get waiting(): number {
    return this.#queues.interactive.size + this.#queues.bulk.size;
  }

  /** Texts in the model or on their way. */
  get running(): number {
    let count = 0;
    for (const { entries } of this.#runs) count += entries.length;
    return count;
  }

  /** Texts so far that were computed for another caller anyway. */
  get shared(): number {
    return this.#shared;
  }

  /**
   * Queues texts of one call. Aborting drops those that nobody else wants.
   *
   * @param group texts of one group may be run together
   * @throws {EmbedlaneError} `ERR_OVERLOADED`, with nothing queued, if the texts do not fit in the queue
   */
  submit(group: string, submissions: readonly Submission[], signal?: AbortSignal): Promise<Result[]> {
    const alike = this.#known.get(group);
    const texts = new Set(submissions.map(({ text }) => text));
    const fresh = [...texts].filter((text) => !alike?.has(text)).length;
    if (fresh > 0 && this.waiting + fresh > this.#options.maxQueue) {
      throw new EmbedlaneError(
        'ERR_OVERLOADED',
        `Expected room in the queue for ${fresh} texts but ${this.waiting} of ${this.#options.maxQueue} wait already`,
      );
    }
    const waits = submissions.map((submission) => {
      const entry = this.#entry(group, submission);
      let waiter!: Waiter<Result>;
      const promise = new Promise<Result>((resolve, reject) => {
        waiter = { resolve, reject };
      });
      entry.waiters.add(waiter);
      return { entry, waiter, promise };
    });
    const results = Promise.all(waits.map(({ promise }) => promise));
    if (!signal) return results;
    const onAbort = () => {
      for (const { entry, waiter } of waits) {
        waiter.reject(abortError(signal));
        if (entry.waiters.delete(waiter) && entry.waiters.size === 0) this.#abandon(entry);
      }
    };
    signal.addEventListener('abort', onAbort, { once: true });
    return results.finally(() => signal.removeEventListener('abort', onAbort));
  }

  /** Rejects all that waits with `error` and stops what runs. */
  close(error: unknown): void {
    for (const { stop } of this.#runs) stop.abort();
    for (const alike of this.#known.values())
      for (const entry of alike.values()) this.#settle(entry, (waiter) => waiter.reject(error));
    for (const queue of Object.values(this.#queues)) queue.clear();
    this.#stopWaiting();
  }

  #entry(group: string, { text, cost, priority }: Submission): Entry<Result> {
    let alike = this.#known.get(group);
    if (!alike) {
      alike = new Map();
      this.#known.set(group, alike);
    }
    const known = alike.get(text);
    if (known) {
      this.#shared++;
      // Whoever is in a hurry hurries it along for all.
      if (known.priority === 'bulk' && priority === 'interactive' && this.#queues.bulk.delete(known)) {
        known.priority = priority;
        this.#queues.interactive.add(known);
      }
      return known;
    }
    const entry: Entry<Result> = {
      group,
      text,
      cost,
      priority,
      since: this.#turn,
      waiters: new Set(),
      run: undefined,
    };
    alike.set(text, entry);
    this.#queues[priority].add(entry);
    this.#schedule();
    return entry;
  }

  /** Nobody wants it any more: takes it from the queue, or stops its run if nobody wants any of that. */
  #abandon(entry: Entry<Result>): void {
    this.#forget(entry);
    this.#queues[entry.priority].delete(entry);
    const { run } = entry;
    if (run?.entries.every(({ waiters }) => waiters.size === 0)) run.stop.abort();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // After the poll phase: all requests that one turn of the loop has read are here by then.
    setImmediate(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#runs.size < this.#options.runs()) {
      const entries = this.#take();
      if (entries.length === 0) break;
      this.#turn++;
      void this.#start(entries);
    }
    if (this.waiting > 0) this.#waited ??= this.#options.onWait();
    else this.#stopWaiting();
  }

  #stopWaiting(): void {
    this.#waited?.();
    this.#waited = undefined;
  }

  /** The texts of the next run: the group of whichever text is first, within the budget. */
  #take(): Entry<Result>[] {
    const { interactive, bulk } = this.#queues;
    const [oldest] = bulk;
    const impatient = oldest !== undefined && this.#turn - oldest.since >= PATIENCE;
    const order = impatient ? [bulk, interactive] : [interactive, bulk];
    const taken: Entry<Result>[] = [];
    let cost = 0;
    for (const queue of order) {
      for (const entry of queue) {
        if (taken.length > 0 && entry.group !== taken[0].group) continue;
        if (taken.length > 0 && cost + entry.cost > this.#options.budget) return taken;
        queue.delete(entry);
        taken.push(entry);
        cost += entry.cost;
      }
    }
    return taken;
  }

  async #start(entries: Entry<Result>[]): Promise<void> {
    const run: Run<Result> = { entries, stop: new AbortController() };
    for (const entry of entries) entry.run = run;
    this.#runs.add(run);
    try {
      await this.#compute(run, entries);
    } finally {
      this.#runs.delete(run);
      this.#pump();
    }
  }

  async #compute({ stop }: Run<Result>, entries: Entry<Result>[]): Promise<void> {
    const [{ group, priority }] = entries;
    const texts = entries.map(({ text }) => text);
    try {
      const results = await this.#run(group, texts, priority, stop.signal);
      entries.forEach((entry, i) => {
        this.#settle(entry, (waiter) => waiter.resolve(results[i]));
      });
    } catch (error) {
      if (entries.length === 1 || stop.signal.aborted) {
        for (const entry of entries) this.#settle(entry, (waiter) => waiter.reject(error));
        return;
      }
      for (const entry of entries)
        if (entry.waiters.size > 0) await this.#compute({ entries, stop }, [entry]);
    }
  }

  #settle(entry: Entry<Result>, settle: (waiter: Waiter<Result>) => void): void {
    this.#forget(entry);
    for (const waiter of entry.waiters) settle(waiter);
    entry.waiters.clear();
  }

  #forget(entry: Entry<Result>): void {
    const { group, text } = entry;
    const alike = this.#known.get(group);
    // An abandoned text may have been asked for anew.
    if (alike?.get(text) !== entry) return;
    alike.delete(text);
    if (alike.size === 0) this.#known.delete(group);
  }
}
