import { setImmediate } from 'node:timers';
import { abortError } from '../core/abort.js';
import { EmbedlaneError } from '../core/errors.js';
import { type Priority, type Queued, TextQueue } from './text-queue.js';

export type { Priority } from './text-queue.js';

export interface MicroBatchOptions {
  /** Most that the texts of one run may cost together; a text that costs more is run alone. */
  budget: number;
  /** Most texts that may wait. */
  maxQueue: number;
  /** How many runs can be computed at the same time, as of now. */
  lanes(): number;
  /** Told that texts wait for a lane; calls what it returns when none does any more. */
  onWait(): () => void;
}

export interface Submission {
  text: string;
  /** Estimated cost, in the unit of the budget. */
  cost: number;
  priority: Priority;
}

/** A run, for whoever computes it. */
export interface SharedRun<Result> {
  priority: Priority;
  /** Estimated cost of its texts that have no result yet. */
  costLeft(): number;
  signal: AbortSignal;
  /** To be called with each text's result, as soon as that is there; its callers need not wait for the others. */
  settle(index: number, result: Result): void;
}

/** Runs texts that are to be treated alike. Resolves when all are settled. */
export type RunTexts<Result> = (group: string, texts: string[], run: SharedRun<Result>) => Promise<void>;

interface Waiter<Result> {
  resolve(result: Result): void;
  reject(error: unknown): void;
}

/** A text that waits or runs, for all who asked for it. */
interface Entry<Result> extends Queued {
  text: string;
  waiters: Set<Waiter<Result>>;
  run: Run<Result> | undefined;
}

interface Run<Result> {
  entries: Entry<Result>[];
  /** Those that have no result yet. */
  left: Set<Entry<Result>>;
  stop: AbortController;
  /** Whether nothing else ran at any time: then what fails is its own fault. */
  alone: boolean;
}

/** Runs that each lane may have: one that it computes, and one that it begins without waiting for this program. */
const RUNS_PER_LANE = 2;

/**
 * Budgets of texts that each lane may have at most: from more texts, lanes make batches of less padding, but those in the
 * lanes are harder to recall.
 */
const MOST_PER_LANE = 2;

/** Part of a budget below which a lane gets what there is, and what otherwise pays for a message to it. */
const LITTLE_PER_LANE = 1 / 2;
const WORTHWHILE = 1 / 4;

/**
 * Lets texts of different callers share runs of the model.
 *
 * An idle model starts at once; what arrives within one turn of the event loop goes together. Later texts are collected
 * until a lane has results, and follow it there while it computes its next batch: what a run here is, lanes cut and join to
 * batches as suits them, so that their size follows the load by itself. Lanes get equal shares. Identical texts in
 * flight are computed once. The texts of runs that fail are repeated one by one, with nothing else in the lanes, so
 * that one bad text harms no other caller.
 */
export class MicroBatcher<Result> {
  readonly #run: RunTexts<Result>;
  readonly #options: MicroBatchOptions;
  readonly #queue = new TextQueue<Entry<Result>>();
  /** Texts of failed runs. */
  readonly #suspects: Entry<Result>[] = [];
  /** Whether one of them runs. */
  #repeating = false;
  /** Waiting and running texts by group and text. */
  readonly #known = new Map<string, Map<string, Entry<Result>>>();
  readonly #runs = new Set<Run<Result>>();
  #scheduled = false;
  /** Whether a lane has had results since texts were last sent. */
  #moved = false;
  #shared = 0;
  #waited: (() => void) | undefined;

  constructor(run: RunTexts<Result>, options: MicroBatchOptions) {
    this.#run = run;
    this.#options = options;
  }

  /** Texts that have not been started. */
  get waiting(): number {
    return this.#queue.size + this.#suspects.length;
  }

  /** Texts in the model or on their way. */
  get running(): number {
    let count = 0;
    for (const { left } of this.#runs) count += left.size;
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
    this.#queue.clear();
    this.#suspects.length = 0;
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
      if (priority === 'interactive') this.#queue.hurry(known);
      return known;
    }
    const entry: Entry<Result> = {
      group,
      text,
      cost,
      priority,
      since: this.#queue.turn,
      waiters: new Set(),
      run: undefined,
    };
    alike.set(text, entry);
    this.#queue.add(entry);
    this.#schedule();
    return entry;
  }

  /** Nobody wants it any more: takes it from the queue, or stops its run if nobody wants any of that. */
  #abandon(entry: Entry<Result>): void {
    this.#forget(entry);
    this.#queue.delete(entry);
    const { run } = entry;
    if (run?.entries.every(({ waiters }) => waiters.size === 0)) run.stop.abort();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // After the poll phase: all requests that one turn of the loop has read are here by then. By the module's function: the
    // global one may be a test's, which never comes, or missing.
    setImmediate(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    this.#repeatOne();
    while (this.#queue.size > 0 && this.#hasRoom()) void this.#start(this.#queue.take(this.#share()));
    this.#moved = false;
    if (this.waiting > 0 || this.#runs.size > this.#options.lanes()) this.#waited ??= this.#options.onWait();
    else this.#stopWaiting();
  }

  #stopWaiting(): void {
    this.#waited?.();
    this.#waited = undefined;
  }

  #hasRoom(): boolean {
    if (this.#repeating || this.#suspects.length > 0) return false;
    const { budget } = this.#options;
    const lanes = this.#options.lanes();
    if (this.#runsBefore() < lanes * RUNS_PER_LANE) return true;
    if (!this.#moved) return false;
    const running = this.#runningCost();
    if (running >= lanes * MOST_PER_LANE * budget) return false;
    const worthwhile = WORTHWHILE * budget;
    return running < lanes * LITTLE_PER_LANE * budget || this.#queue.cost(worthwhile) >= worthwhile;
  }

  /** Runs that what waits would come after: lanes compute interactive texts first. */
  #runsBefore(): number {
    if (!this.#queue.urgent) return this.#runs.size;
    let count = 0;
    for (const { entries } of this.#runs) if (entries[0].priority === 'interactive') count++;
    return count;
  }

  #runningCost(): number {
    let cost = 0;
    for (const { left } of this.#runs) cost += costOf(left);
    return cost;
  }

  /** Most that a run may cost for every lane to have as much as the others. */
  #share(): number {
    const { budget } = this.#options;
    const lanes = this.#options.lanes();
    const all = this.#runningCost() + this.#queue.cost(lanes * budget);
    return Math.min(budget, Math.ceil(all / lanes));
  }

  async #start(entries: Entry<Result>[]): Promise<void> {
    const run: Run<Result> = {
      entries,
      left: new Set(entries),
      stop: new AbortController(),
      alone: this.#runs.size === 0,
    };
    for (const entry of entries) entry.run = run;
    for (const other of this.#runs) other.alone = false;
    this.#runs.add(run);
    try {
      await this.#compute(run);
    } catch (error) {
      this.#fail(run, error);
    } finally {
      this.#runs.delete(run);
      this.#moved = true;
      this.#schedule();
    }
  }

  #compute(run: Run<Result>): Promise<void> {
    const { entries, left, stop } = run;
    const [{ group, priority }] = entries;
    const texts = entries.map(({ text }) => text);
    return this.#run(group, texts, {
      priority,
      costLeft: () => costOf(left),
      signal: stop.signal,
      settle: (index, result) => {
        const entry = entries[index];
        if (!left.delete(entry)) return;
        // What is left to hear of it is only that it has ended.
        if (left.size === 0) this.#runs.delete(run);
        this.#settle(entry, (waiter) => waiter.resolve(result));
        this.#moved = true;
        if (this.waiting > 0) this.#schedule();
      },
    });
  }

  #fail({ entries, left, stop, alone }: Run<Result>, error: unknown): void {
    const final = stop.signal.aborted || (alone && entries.length === 1);
    for (const entry of left) {
      if (final) this.#settle(entry, (waiter) => waiter.reject(error));
      else if (entry.waiters.size > 0) this.#suspects.push(entry);
    }
  }

  /** The next text of a failed run, if nothing else runs. */
  #repeatOne(): void {
    if (this.#runs.size > 0) return;
    let entry = this.#suspects.shift();
    while (entry?.waiters.size === 0) entry = this.#suspects.shift();
    if (!entry) return;
    this.#repeating = true;
    void this.#start([entry]).finally(() => {
      this.#repeating = false;
    });
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

function costOf(entries: Iterable<{ cost: number }>): number {
  let sum = 0;
  for (const { cost } of entries) sum += cost;
  return sum;
}
