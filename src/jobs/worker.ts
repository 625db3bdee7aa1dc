import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Job, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { requireMaker } from '../core/constructed.js';
import { EmbedlaneError } from '../core/errors.js';
import { Interruptible } from '../core/interruptible.js';
import { integer, optionalFunction, optionalString, optionsObject } from '../core/validate.js';
import { doShard } from './do-shard.js';
import { Ledger, type LedgerEntry } from './ledger.js';
import { asking, connectRedis, type Packages, packages, QUEUE, queueAddress } from './redis.js';
import { afterDeath, isSuspect, newNote } from './shard-note.js';
import { type LoadModel, Targets } from './targets.js';
import { Turns } from './turns.js';
import type { PoisonItem, ShardTask } from './types.js';

/** What a worker has done, for logs. */
export type WorkerEvent =
  | { type: 'stored'; job: string; shard: number; stored: number; aside: readonly PoisonItem[] }
  | { type: 'retry' | 'failed'; job: string; shard: number; attempt: number; error: unknown }
  | { type: 'returned'; job: string; shard: number }
  /**
   * Redis is gone, and is waited for; or it refuses what has to be noted of a shard, which is left for the takeover; or a
   * shard was taken over, because this worker had no time to say that it lives.
   */
  | { type: 'queue'; error: unknown };

export interface JobWorkerOptions {
  /** Where jobs' files are on this machine. @default where they were submitted */
  root?: string;
  /** Shards at a time: while one is being stored, another is embedded. 1 to 1,000. @default 2 */
  concurrency?: number;
  /**
   * Milliseconds after which a shard whose worker has stopped answering is given to another, 1,000 to 3,600,000.
   *
   * @default 30_000
   */
  takeover?: number;
  /** Loads the model that a job names. @default `TextEmbedder.load` */
  loadModel?: LoadModel;
  onEvent?: (event: WorkerEvent) => void;
}

/** Milliseconds between two looks whether a job was cancelled. */
const CANCEL_POLL = 1000;
const LONGEST_BACKOFF = 60_000;
/** How often a shard may lose its worker before that has come to a row: while it loads the model, for example. */
const MAX_DEATHS = 5;
/** Never: a shard that loses its workers is noted as failed by us, with its reason. */
const NO_LIMIT = 1_000_000;
/** Milliseconds for saying goodbye to a Redis that may be gone. */
const GOODBYE = 2000;

/**
 * Does the shards of all jobs of a queue: reads, embeds, stores under ids that every attempt has again. A shard counts
 * as done after it is stored, so that one whose worker, queue or store was killed is done again, to the same effect.
 *
 * @example
 * const worker = await JobWorker.start('redis://localhost:6379', { root: '/mnt/corpus' });
 * process.once('SIGTERM', () => worker.close());
 */
export class JobWorker implements AsyncDisposable {
  readonly #packages: Packages;
  readonly #worker: LeavableWorker;
  readonly #redis: Redis;
  readonly #ledger: Ledger;
  readonly #targets: Targets;
  readonly #turns = new Turns();
  /** Shards that it is at. */
  readonly #doing = new Set<string>();
  readonly #root: string | undefined;
  readonly #onEvent: (event: WorkerEvent) => void;
  /** Fires when shards are to be given back. */
  readonly #giveBack = new AbortController();
  readonly #closing = new AbortController();
  #closed: Promise<void> | undefined;

  /**
   * @param url as {@link JobQueue.open} takes it
   * @throws {EmbedlaneError} `ERR_INVALID_ARG`; `ERR_NOT_FOUND` without the packages; `ERR_REMOTE` without a server. One
   * that goes away later is waited for.
   */
  static async start(url: string | URL, options?: JobWorkerOptions): Promise<JobWorker> {
    const address = queueAddress('url', url);
    const known = optionsObject('options', options, [
      'root',
      'concurrency',
      'takeover',
      'loadModel',
      'onEvent',
    ]);
    const settings = {
      root: optionalString('options.root', known.root),
      concurrency: integer('options.concurrency', known.concurrency ?? 2, 1, 1000),
      takeover: integer('options.takeover', known.takeover ?? 30_000, 1000, 3_600_000),
      loadModel: optionalFunction('options.loadModel', known.loadModel),
      onEvent: optionalFunction('options.onEvent', known.onEvent),
    };
    const loaded = await packages();
    const redis = await connectRedis(loaded, address, true);
    return new JobWorker(loaded, redis, address.prefix, settings);
  }

  private constructor(
    loaded: Packages,
    redis: Redis,
    prefix: string,
    settings: JobWorkerOptions & { concurrency: number; takeover: number },
  ) {
    requireMaker('JobWorker.start', redis);
    const { root, concurrency, takeover, loadModel, onEvent } = settings;
    this.#packages = loaded;
    this.#redis = redis;
    this.#ledger = new Ledger(redis, prefix);
    this.#targets = new Targets(loadModel);
    this.#root = root === undefined ? undefined : resolve(root);
    this.#onEvent = onEvent ?? (() => {});
    this.#worker = new (leavable(loaded))(QUEUE, (job, token) => this.#process(job, token), {
      connection: redis,
      prefix,
      concurrency,
      lockDuration: takeover,
      stalledInterval: takeover,
      maxStalledCount: NO_LIMIT,
      // After Redis was gone.
      runRetryDelay: 500,
      settings: { backoffStrategy: (attempts, _type, _error, job) => backoff(attempts, job?.opts.backoff) },
    });
    this.#worker.on('error', (error) => this.#onEvent({ type: 'queue', error }));
  }

  /** Resolves when no shard is left in the queue, waiting, delayed or at any worker; or when this one is closed. */
  async drained(options?: { poll?: number }): Promise<void> {
    const known = optionsObject('options', options, ['poll']);
    const poll = integer('options.poll', known.poll ?? 500, 1, 3_600_000);
    const { prefix } = this.#worker.opts as { prefix: string };
    const queue = new this.#packages.bullmq.Queue(QUEUE, { connection: this.#redis, prefix });
    queue.on('error', () => {});
    const { signal } = this.#closing;
    try {
      while (!signal.aborted) {
        const ask = () => asking(() => queue.getJobCounts('wait', 'active', 'delayed', 'prioritized'));
        const counts = await new Interruptible().run(signal, ask);
        if (Object.values(counts).every((count) => count === 0)) return;
        await delay(poll, undefined, { signal });
      }
    } catch (error) {
      // Neither the pause nor a question to a Redis that is gone outlasts the worker.
      if (!signal.aborted) throw error;
    } finally {
      // It leaves the connection, which is the worker's, and takes its listeners off it.
      void queue.close().catch(() => {});
    }
  }

  /**
   * Takes no more shards, finishes those under way, and ends.
   *
   * After `grace` milliseconds they are given back instead, for other workers to begin anew.
   */
  async close(options?: { grace?: number }): Promise<void> {
    const known = optionsObject('options', options, ['grace']);
    const grace = integer('options.grace', known.grace ?? 20_000, 0, 2 ** 31 - 1);
    this.#closing.abort();
    this.#closed ??= this.#end();
    if (!this.#giveBack.signal.aborted) {
      const timer = setTimeout(() => this.#giveBack.abort(), grace);
      const stop = () => clearTimeout(timer);
      this.#closed.then(stop, stop);
    }
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #end(): Promise<void> {
    const ended = this.#worker.close();
    const given = new Promise<void>((resolve) => {
      // A Redis that is gone cannot take anything back: the takeover does that when it returns.
      this.#giveBack.signal.addEventListener('abort', () => setTimeout(resolve, GOODBYE).unref(), {
        once: true,
      });
    });
    try {
      await Promise.race([ended, given]);
    } finally {
      await this.#targets.close();
      await this.#worker.leave();
      this.#redis.disconnect();
    }
  }

  async #process(task: Job<ShardTask>, token: string | undefined): Promise<void> {
    const { UnrecoverableError, WaitingError } = this.#packages.bullmq;
    try {
      await this.#attempt(task, token);
    } catch (error) {
      const isLast = task.attemptsMade + 1 >= (task.opts.attempts ?? 1);
      if (error instanceof UnrecoverableError || error instanceof WaitingError || !isLast) throw error;
      // The queue would give the shard up, and the ledger does not know: it is left for the takeover.
      this.#onEvent({ type: 'queue', error });
      throw new WaitingError();
    }
  }

  async #attempt(task: Job<ShardTask>, token: string | undefined): Promise<void> {
    const { job, run = '', shard } = task.data;
    const attempt = task.attemptsMade + 1;
    const entry = await this.#ledger.read(job);
    // Nobody waits for it; whoever submits the job again queues it again.
    if (entry === undefined || entry.state === 'cancelled' || entry.run !== run) return;
    // Taken over from a worker that had stored it.
    if ((await this.#ledger.areDone(job, shard, 1))[0]) return;
    const stop = new AbortController();
    const poll = setInterval(() => void this.#stopIfCancelled(job, run, stop), CANCEL_POLL);
    const signal = AbortSignal.any([stop.signal, this.#giveBack.signal]);
    try {
      const { stored, aside } = await this.#do(task, entry, signal);
      await this.#ledger.finish(job, run, shard, stored, aside);
      this.#onEvent({ type: 'stored', job, shard, stored, aside });
    } catch (error) {
      // Noted as failed already.
      if (error instanceof this.#packages.bullmq.UnrecoverableError) throw error;
      if (stop.signal.aborted) return;
      if (this.#giveBack.signal.aborted) {
        await task.moveToWait(token);
        this.#onEvent({ type: 'returned', job, shard });
        throw new this.#packages.bullmq.WaitingError();
      }
      if (attempt >= entry.spec.attempts) await this.#fail(task, attempt, error);
      this.#onEvent({ type: 'retry', job, shard, attempt, error });
      throw error;
    } finally {
      clearInterval(poll);
    }
  }

  /**
   * Does a shard. If workers have ended at it, they may have ended because of it: then alone, so that no other is
   * blamed, and few rows at a time, until those are found that end them.
   */
  async #do(
    task: Job<ShardTask>,
    entry: LedgerEntry,
    signal: AbortSignal,
  ): Promise<{ stored: number; aside: readonly PoisonItem[] }> {
    const { job, run = '', shard, part } = task.data;
    const attempt = task.attemptsMade + 1;
    const name = `${job}-${shard}`;
    const left = await this.#ledger.note(job, shard);
    // One that was taken from this worker, because it had no time to say that it lives, has come back to it.
    const note = left === undefined || this.#doing.has(name) ? newNote(part.items) : afterDeath(left);
    if (note.opened > MAX_DEATHS) {
      const deaths = `Expected a worker to live on with this shard but ${note.opened} did not`;
      await this.#fail(task, attempt, deaths);
    }
    const save = (next: typeof note) => this.#ledger.setNote(job, run, shard, next);
    // While it waits for its turn, it ends no worker.
    if (left !== undefined) await save(note);
    const work = () =>
      doShard(part, note, {
        spec: entry.spec,
        root: this.#root ?? entry.spec.root,
        targets: this.#targets,
        hasStored: entry.stored > 0,
        suspicious: attempt > 1,
        signal,
        save,
      });
    this.#doing.add(name);
    try {
      return await (isSuspect(note) ? this.#turns.alone(work) : this.#turns.beside(work));
    } finally {
      this.#doing.delete(name);
    }
  }

  /** Notes the reason where `status` finds it, and ends the attempts. */
  async #fail({ data }: Job<ShardTask>, attempt: number, error: unknown): Promise<never> {
    const { job, run = '', shard } = data;
    const message = error instanceof Error ? error.message : String(error);
    const code = error instanceof EmbedlaneError ? ` [${error.code}]` : '';
    await this.#ledger.fail(job, run, shard, `${message}${code}`);
    this.#onEvent({ type: 'failed', job, shard, attempt, error });
    throw new this.#packages.bullmq.UnrecoverableError(message);
  }

  async #stopIfCancelled(job: string, run: string, stop: AbortController): Promise<void> {
    if (!(await this.#ledger.isCurrent(job, run).catch(() => true))) stop.abort();
  }
}

type LeavableWorker = Worker<ShardTask> & { leave(): Promise<void> };

/**
 * BullMQ's worker, which can also be left when it does not end, because Redis is gone or a shard does not: its timers
 * (that it lives, and whether others do) would keep the program alive.
 */
function leavable({ bullmq }: Packages) {
  return class extends bullmq.Worker<ShardTask> {
    async leave(): Promise<void> {
      await this.pause(true);
      await this.lockManager.close();
    }
  };
}

/** Doubles from the job's first pause on, with a quarter of chance, so that workers do not come back all at once. */
function backoff(attempts: number, options: unknown): number {
  const { delay = 1000 } = (options ?? {}) as { delay?: number };
  return Math.min(LONGEST_BACKOFF, delay * 2 ** Math.min(attempts - 1, 20)) * (0.75 + Math.random() / 4);
}
