import { randomUUID } from 'node:crypto';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { throwIfAborted } from '../core/abort.js';
import { requireMaker } from '../core/constructed.js';
import { EmbedlaneError } from '../core/errors.js';
import { optionalBoolean, optionalFunction, optionalSignal, optionsObject } from '../core/validate.js';
import { withoutPassword } from '../stores/base/url.js';
import { Ledger, type LedgerEntry } from './ledger.js';
import { asking, connectRedis, packages, QUEUE, queueAddress } from './redis.js';
import { idOf, jobId, jobSpec } from './request.js';
import { cutInputs, packRecords } from './shards.js';
import type { JobRequest, JobSpec, JobState, JobStatus, Shard, ShardTask } from './types.js';

/** Shards that go to Redis in one request. */
const CHUNK = 100;
/** As many bytes: rows that travel in the queue are large. */
const CHUNK_BYTES = 4 * 2 ** 20;

/**
 * Bulk jobs of embedding, over BullMQ on Redis: they are submitted here, and any number of {@link JobWorker}s on any
 * number of machines do them. Needs the packages `bullmq` and `ioredis`.
 *
 * @example
 * await using jobs = await JobQueue.open('redis://localhost:6379');
 * const { id } = await jobs.submit({ inputs: ['reviews.jsonl'], store: 'milvus://localhost:19530/reviews' });
 * const { stored, items, timeLeft } = await jobs.status(id);
 */
export class JobQueue implements AsyncDisposable {
  readonly #redis: Redis;
  readonly #queue: Queue<ShardTask>;
  readonly #ledger: Ledger;

  private constructor(redis: Redis, queue: Queue<ShardTask>, ledger: Ledger) {
    requireMaker('JobQueue.open', queue);
    this.#redis = redis;
    this.#queue = queue;
    this.#ledger = ledger;
  }

  /**
   * @param url `redis://user:password@host:6379/0`, `rediss://` with TLS; with the parameter `prefix`, first part of
   * all keys
   * @throws {EmbedlaneError} `ERR_INVALID_ARG`; `ERR_NOT_FOUND` without the packages; `ERR_REMOTE` without a server, or
   * if it refuses the credentials
   */
  static async open(url: string | URL): Promise<JobQueue> {
    const address = queueAddress('url', url);
    const loaded = await packages();
    const redis = await connectRedis(loaded, address, false);
    const queue = new loaded.bullmq.Queue<ShardTask>(QUEUE, {
      connection: redis,
      prefix: address.prefix,
      defaultJobOptions: { removeOnComplete: true, removeOnFail: false },
    });
    // Whoever asks is answered; an error between two questions has no other listener.
    queue.on('error', () => {});
    return new JobQueue(redis, queue, new Ledger(redis, address.prefix));
  }

  /**
   * Cuts a job into shards and queues them. The same request, after this process was killed, the job was cancelled, or
   * some of its shards have failed, goes on with the job: what is done is not done again.
   *
   * @returns its state when all is queued
   * @throws {EmbedlaneError} `ERR_INVALID_ARG`; `ERR_IO`; `ERR_CONFLICT` if there is another job with the id;
   * `ERR_ABORTED`, also if it is cancelled meanwhile; `ERR_REMOTE`
   */
  async submit(request: JobRequest): Promise<JobStatus> {
    const spec = await jobSpec(request);
    const isRows = request.records !== undefined;
    const id =
      request.id === undefined ? (isRows ? randomUUID() : idOf(spec)) : jobId('request.id', request.id);
    const signal = optionalSignal('request.signal', request.signal);
    const onProgress = optionalFunction('request.onProgress', request.onProgress);
    const opened = await this.#ledger.open(id, spec, isRows);
    if (opened === undefined) throw idIsTaken(id, isRows);
    try {
      const parts = request.records ? packRecords(request.records, spec, signal) : cutInputs(spec);
      await this.#submitShards({ id, spec, ...opened }, parts, { signal, onProgress });
    } catch (error) {
      // Rows cannot be submitted a second time: nothing could go on with what there is of them.
      if (isRows) await this.#cancel(id, opened.run, true).catch(() => {});
      throw error;
    }
    if (opened.isKnown) await this.retry(id);
    return this.status(id);
  }

  /** @throws {EmbedlaneError} `ERR_NOT_FOUND`, `ERR_REMOTE` */
  async status(id: string): Promise<JobStatus> {
    const entry = await this.#entry(id);
    const [poison, failures, rate] = await Promise.all([
      this.#ledger.poison(id),
      this.#ledger.failures(id),
      this.#ledger.rate(id),
    ]);
    const { items, stored, shards, done, spec } = entry;
    const left = items - stored - poison.count;
    return {
      id,
      state: stateOf(entry, failures.count),
      store: withoutPassword(spec.store),
      model: spec.model,
      items,
      stored,
      poisoned: poison.count,
      shards: { total: shards, done, failed: failures.count },
      rate,
      timeLeft: rate > 0 ? (Math.max(0, left) / rate) * 1000 : undefined,
      poison: poison.first,
      failures: failures.first,
    };
  }

  /** Ids of all jobs that were not removed. */
  list(): Promise<string[]> {
    return this.#ledger.ids();
  }

  /**
   * Takes the shards that are waiting out of the queue and tells the workers to leave those that they are at. What is
   * stored stays; the same request goes on with the job.
   *
   * With `remove` the job is forgotten as well, and with it what was done: only then can its id mean another.
   */
  async cancel(id: string, options?: { remove?: boolean }): Promise<void> {
    const known = optionsObject('options', options, ['remove']);
    const remove = optionalBoolean('options.remove', known.remove) ?? false;
    const { run } = await this.#entry(id);
    await this.#cancel(id, run, remove);
  }

  /** One run: whoever has submitted the job again since means another. */
  async #cancel(id: string, run: string, remove: boolean): Promise<void> {
    const shards = (await this.#ledger.cancel(id, run)) ?? 0;
    for (let first = 0; first < shards; first += CHUNK) {
      const count = Math.min(CHUNK, shards - first);
      const names = Array.from({ length: count }, (_, i) => shardName(id, first + i, run));
      await asking(() => Promise.all(names.map((name) => this.#queue.remove(name))));
    }
    if (remove) await this.#ledger.remove(id, run);
  }

  /**
   * Queues the shards that have failed again.
   *
   * @returns how many are queued
   */
  async retry(id: string): Promise<number> {
    const { run } = await this.#entry(id);
    let queued = 0;
    for (const shard of await this.#ledger.failedShards(id)) {
      const who = await this.#ledger.retry(id, shard);
      if (who === undefined || !(await asking(() => this.#queueAgain(shardName(id, shard, run))))) continue;
      await this.#ledger.forgive(id, shard, who);
      queued++;
    }
    return queued;
  }

  /** Ends the connection; jobs and workers go on. */
  async close(): Promise<void> {
    await this.#queue.close().catch(() => {});
    this.#redis.disconnect();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #entry(id: string): Promise<LedgerEntry> {
    const entry = await this.#ledger.read(jobId('id', id));
    if (entry) return entry;
    throw noJob(id);
  }

  /**
   * Queues a shard again that has failed.
   *
   * @returns whether it waits in the queue, though somebody else may have seen to that; not if a worker is at it, which
   * may have noted its failure and not told the queue yet
   */
  async #queueAgain(name: string): Promise<boolean> {
    const task = await this.#queue.getJob(name);
    if (task === undefined) return false;
    let state = await task.getState();
    if (state === 'failed') {
      try {
        await task.retry('failed', { resetAttemptsMade: true });
        return true;
      } catch (error) {
        state = await task.getState();
        if (state === 'failed') throw error;
      }
    }
    return QUEUED.has(state);
  }

  async #submitShards(
    job: OpenJob,
    parts: AsyncIterable<Shard>,
    { signal, onProgress }: Pick<JobRequest, 'signal' | 'onProgress'>,
  ): Promise<void> {
    let [shards, items] = [0, 0];
    const chunk: Shard[] = [];
    let bytes = 0;
    const grow = async (state?: 'running') => {
      if (await this.#ledger.grow(job.id, job.run, { shards, items }, state)) return;
      throw new EmbedlaneError('ERR_ABORTED', `The job ${job.id} was cancelled`);
    };
    const flush = async () => {
      throwIfAborted(signal);
      const first = shards;
      shards += chunk.length;
      for (const part of chunk) items += part.items;
      // Before they are queued: so many are taken out of the queue if it is cancelled.
      await grow();
      await this.#add(job, first, chunk);
      chunk.length = 0;
      bytes = 0;
      // After a cancelled or failed run the whole size is known already.
      onProgress?.({ completed: items, total: Math.max(items, job.knownItems) });
    };
    for await (const part of parts) {
      chunk.push(part);
      bytes += part.kind === 'rows' ? JSON.stringify(part).length : 0;
      if (chunk.length >= CHUNK || bytes >= CHUNK_BYTES) await flush();
    }
    await flush();
    await grow('running');
  }

  async #add({ id, run, spec, isKnown }: OpenJob, first: number, parts: readonly Shard[]): Promise<void> {
    if (parts.length === 0) return;
    const done = isKnown ? await this.#ledger.areDone(id, first, parts.length) : [];
    const { attempts, retryDelay } = spec;
    const jobs = parts
      .map((part, i) => ({ job: id, run, shard: first + i, part }))
      .filter((_, i) => !done[i])
      .map((data) => ({
        name: id,
        data,
        opts: {
          // A shard that is in the queue is not added again.
          jobId: shardName(id, data.shard, run),
          attempts,
          backoff: { type: 'custom', delay: retryDelay },
        },
      }));
    await asking(() => this.#queue.addBulk(jobs));
  }
}

/** A job whose shards are being queued. */
interface OpenJob {
  readonly id: string;
  readonly run: string;
  readonly spec: JobSpec;
  /** Whether some of its shards may be queued, or done. */
  readonly isKnown: boolean;
  readonly knownItems: number;
}

/** States of a shard in BullMQ in which a worker will take it. */
const QUEUED: ReadonlySet<string> = new Set(['waiting', 'delayed', 'prioritized']);

/** One name for each run: what workers drop of a run that is over is not missing in the next. */
const shardName = (id: string, shard: number, run: string) => `${id}-${shard}${run === '' ? '' : `-${run}`}`;

function stateOf({ state, shards, done }: LedgerEntry, failed: number): JobState {
  if (state !== 'running') return state;
  if (done === shards) return 'done';
  return done + failed === shards ? 'failed' : 'running';
}

function noJob(id: string): EmbedlaneError {
  return new EmbedlaneError('ERR_NOT_FOUND', `Expected a job but there is none with the id ${id}`);
}

function idIsTaken(id: string, isRows: boolean): EmbedlaneError {
  return new EmbedlaneError(
    'ERR_CONFLICT',
    isRows
      ? `Expected a new id for rows but received '${id}', which is that of a job`
      : `Expected the job ${id} as it was submitted but its files or options are others; remove it, or take another id`,
  );
}
