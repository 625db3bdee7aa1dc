import { randomUUID } from 'node:crypto';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { throwIfAborted } from '../core/abort.js';
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
    const existing = await this.#ledger.read(id);
    if (existing) requireSame(id, existing, spec, isRows);
    await this.#ledger.open(id, spec);
    try {
      const parts = request.records ? packRecords(request.records, spec, signal) : cutInputs(spec);
      await this.#submitShards(id, spec, existing, parts, { signal, onProgress });
    } catch (error) {
      // Rows cannot be submitted a second time: nothing could go on with what there is of them.
      if (isRows) await this.cancel(id, { remove: true }).catch(() => {});
      throw error;
    }
    if (existing) await this.retry(id);
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
    const { shards } = await this.#entry(id);
    await this.#ledger.setState(id, 'cancelled');
    for (let first = 0; first < shards; first += CHUNK) {
      const count = Math.min(CHUNK, shards - first);
      const names = Array.from({ length: count }, (_, i) => shardName(id, first + i));
      await asking(() => Promise.all(names.map((name) => this.#queue.remove(name))));
    }
    if (remove) await this.#ledger.remove(id);
  }

  /**
   * Queues the shards that have failed again.
   *
   * @returns how many there were
   */
  async retry(id: string): Promise<number> {
    await this.#entry(id);
    const failed = await this.#ledger.failedShards(id);
    for (const shard of failed) {
      const job = await asking(() => this.#queue.getJob(shardName(id, shard)));
      await this.#ledger.forgive(id, shard);
      // One that is waiting already has been asked for twice.
      await asking(async () => {
        if (await job?.isFailed()) await job?.retry('failed', { resetAttemptsMade: true });
      });
    }
    return failed.length;
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
    throw new EmbedlaneError('ERR_NOT_FOUND', `Expected a job but there is none with the id ${id}`);
  }

  async #submitShards(
    id: string,
    spec: JobSpec,
    existing: LedgerEntry | undefined,
    parts: AsyncIterable<Shard>,
    { signal, onProgress }: Pick<JobRequest, 'signal' | 'onProgress'>,
  ): Promise<void> {
    let [shards, items] = [0, 0];
    const chunk: Shard[] = [];
    let bytes = 0;
    const flush = async () => {
      throwIfAborted(signal);
      if ((await this.#ledger.state(id)) !== 'submitting') {
        throw new EmbedlaneError('ERR_ABORTED', `The job ${id} was cancelled`);
      }
      await this.#add(id, spec, shards, chunk, existing !== undefined);
      shards += chunk.length;
      for (const part of chunk) items += part.items;
      // After a cancelled or failed run the whole size is known already.
      await this.#ledger.setSize(id, {
        shards: Math.max(shards, existing?.shards ?? 0),
        items: Math.max(items, existing?.items ?? 0),
      });
      chunk.length = 0;
      bytes = 0;
      onProgress?.({ completed: items, total: Math.max(items, existing?.items ?? 0) });
    };
    for await (const part of parts) {
      chunk.push(part);
      bytes += part.kind === 'rows' ? JSON.stringify(part).length : 0;
      if (chunk.length >= CHUNK || bytes >= CHUNK_BYTES) await flush();
    }
    await flush();
    await this.#ledger.setSize(id, { shards, items });
    await this.#ledger.setState(id, 'running');
  }

  async #add(
    id: string,
    spec: JobSpec,
    first: number,
    parts: readonly Shard[],
    again: boolean,
  ): Promise<void> {
    if (parts.length === 0) return;
    const done = again ? await this.#ledger.areDone(id, first, parts.length) : [];
    const { attempts, retryDelay } = spec;
    const jobs = parts
      .map((part, i) => ({ job: id, shard: first + i, part }))
      .filter((_, i) => !done[i])
      .map((data) => ({
        name: id,
        data,
        // A shard that is in the queue is not added again.
        opts: { jobId: shardName(id, data.shard), attempts, backoff: { type: 'custom', delay: retryDelay } },
      }));
    await asking(() => this.#queue.addBulk(jobs));
  }
}

const shardName = (id: string, shard: number) => `${id}-${shard}`;

function stateOf({ state, shards, done }: LedgerEntry, failed: number): JobState {
  if (state !== 'running') return state;
  if (done === shards) return 'done';
  return done + failed === shards ? 'failed' : 'running';
}

function requireSame(id: string, existing: LedgerEntry, spec: JobSpec, isRows: boolean): void {
  if (!isRows && JSON.stringify(existing.spec) === JSON.stringify(spec)) return;
  throw new EmbedlaneError(
    'ERR_CONFLICT',
    isRows
      ? `Expected a new id for rows but received '${id}', which is that of a job`
      : `Expected the job ${id} as it was submitted but its files or options are others; remove it, or take another id`,
  );
}
