import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { CANCEL, FAIL, FINISH, FORGIVE, GROW, NOTE, OPEN, REMOVE, RETRY } from './ledger-scripts.js';
import { asking } from './redis.js';
import type { ShardNote } from './shard-note.js';
import type { FailedShard, JobSpec, JobState, PoisonItem } from './types.js';

/** Entries of lists that a status shows. */
const SHOWN = 100;
/** How long finished shards count for the rate, in seconds. */
const RECENT_SECONDS = 60;

/** What the ledger has of a job, each under a key of its own. */
const PARTS = [undefined, 'done', 'failed', 'notes', 'retried', 'poison', 'recent'] as const;
type Part = (typeof PARTS)[number];

/** What is known of a job. */
export interface LedgerEntry {
  readonly spec: JobSpec;
  readonly state: Exclude<JobState, 'done' | 'failed'>;
  /** Another one after it was cancelled, and for another job of the same id; empty for jobs of before there were runs. */
  readonly run: string;
  readonly items: number;
  readonly stored: number;
  readonly shards: number;
  readonly done: number;
}

/** The jobs' own record in Redis, beside the queue: what each one is, and which of its shards are done. */
export class Ledger {
  readonly #redis: Redis;
  readonly #prefix: string;

  constructor(redis: Redis, prefix: string) {
    this.#redis = redis;
    this.#prefix = prefix;
  }

  ids(): Promise<string[]> {
    return asking(async () => (await this.#redis.smembers(this.#jobs)).sort());
  }

  async read(job: string): Promise<LedgerEntry | undefined> {
    const fields = await asking(() => this.#redis.hgetall(this.#key(job)));
    if (fields.spec === undefined) return undefined;
    const [items, stored, shards, done] = [fields.items, fields.stored, fields.shards, fields.done].map(
      (value) => Number(value ?? 0),
    );
    const state = fields.state as LedgerEntry['state'];
    const spec = JSON.parse(fields.spec) as JobSpec;
    return { spec, state, run: fields.run ?? '', items, stored, shards, done };
  }

  /**
   * Notes a job, as one whose shards are still being queued.
   *
   * @param isOnly whether no job may have the id, even the same one
   * @returns undefined if the id is another job's
   */
  async open(
    job: string,
    spec: JobSpec,
    isOnly: boolean,
  ): Promise<{ run: string; isKnown: boolean; knownItems: number } | undefined> {
    const keys = this.#keys(job, undefined, 'failed', 'notes', 'retried');
    const newRun = randomUUID().slice(0, 8);
    const parts = [job, JSON.stringify(spec), newRun, isOnly ? 1 : 0];
    const opened = await this.#script(OPEN, [...keys, this.#jobs], parts);
    if (opened === null) return undefined;
    const [run, isKnown, knownItems] = opened as [string, number, number];
    return { run, isKnown: isKnown === 1, knownItems };
  }

  /**
   * Says how large a job is, as far as that is known, and with `'running'` that this is all of it.
   *
   * @returns whether it goes on: it was neither cancelled nor removed
   */
  async grow(
    job: string,
    run: string,
    { shards, items }: { shards: number; items: number },
    state: 'running' | '' = '',
  ): Promise<boolean> {
    return (await this.#script(GROW, this.#keys(job, undefined), [run, shards, items, state])) === 1;
  }

  /**
   * Notes a job as cancelled.
   *
   * @returns how many shards it has; undefined if it is not in this run, or not at all
   */
  async cancel(job: string, run: string): Promise<number | undefined> {
    const shards = await this.#script(CANCEL, this.#keys(job, undefined), [run]);
    return shards === null ? undefined : (shards as number);
  }

  /** Whether a job is still in this run, and not cancelled. */
  async isCurrent(job: string, run: string): Promise<boolean> {
    const [state, current] = await asking(() => this.#redis.hmget(this.#key(job), 'state', 'run'));
    return state !== null && state !== 'cancelled' && (current ?? '') === run;
  }

  /** Which of the shards from `first` on are done. */
  async areDone(job: string, first: number, count: number): Promise<boolean[]> {
    const pipeline = this.#redis.pipeline();
    for (let i = 0; i < count; i++) pipeline.getbit(this.#key(job, 'done'), first + i);
    const replies = await asking(async () => (await pipeline.exec()) ?? []);
    return replies.map(([error, bit]) => {
      if (error) throw error;
      return bit === 1;
    });
  }

  async finish(
    job: string,
    run: string,
    shard: number,
    stored: number,
    aside: readonly PoisonItem[],
  ): Promise<void> {
    const items = aside.flatMap((item) => [item.place, JSON.stringify(item)]);
    await this.#script(FINISH, this.#keys(job, ...PARTS), [run, shard, stored, ...items]);
  }

  async fail(job: string, run: string, shard: number, message: string): Promise<void> {
    await this.#script(FAIL, this.#keys(job, ...PARTS.slice(0, 5)), [run, shard, message]);
  }

  /** How far a shard is that a worker has begun. */
  async note(job: string, shard: number): Promise<ShardNote | undefined> {
    const note = await asking(() => this.#redis.hget(this.#key(job, 'notes'), String(shard)));
    return note === null ? undefined : (JSON.parse(note) as ShardNote);
  }

  async setNote(job: string, run: string, shard: number, note: ShardNote): Promise<void> {
    await this.#script(NOTE, this.#keys(job, undefined, 'notes'), [run, shard, JSON.stringify(note)]);
  }

  async failedShards(job: string): Promise<number[]> {
    return (await asking(() => this.#redis.hkeys(this.#key(job, 'failed')))).map(Number);
  }

  /**
   * Says that a failed shard is about to be queued again.
   *
   * @returns what {@link forgive} takes; undefined if the shard has not failed, or not any more
   */
  async retry(job: string, shard: number): Promise<string | undefined> {
    const who = randomUUID();
    const isFailed = await this.#script(RETRY, this.#keys(job, 'failed', 'retried'), [shard, who]);
    return isFailed === 1 ? who : undefined;
  }

  /** Takes the note of a failed shard away that is queued again, unless it has failed again since. */
  async forgive(job: string, shard: number, who: string): Promise<void> {
    await this.#script(FORGIVE, this.#keys(job, 'failed', 'retried'), [shard, who]);
  }

  async failures(job: string): Promise<{ count: number; first: FailedShard[] }> {
    const { count, first } = await this.#entries(this.#key(job, 'failed'));
    const shards = first.map(([shard, message]) => ({ shard: Number(shard), message }));
    return { count, first: shards.sort((a, b) => a.shard - b.shard) };
  }

  async poison(job: string): Promise<{ count: number; first: PoisonItem[] }> {
    const { count, first } = await this.#entries(this.#key(job, 'poison'));
    return { count, first: first.map(([, item]) => JSON.parse(item) as PoisonItem) };
  }

  /** Rows per second over the last minute, or since the first shard if that is later. */
  async rate(job: string): Promise<number> {
    const [recent, [now]] = await asking(() =>
      Promise.all([this.#redis.lrange(this.#key(job, 'recent'), 0, -1), this.#redis.time()]),
    );
    const finished = recent.map((entry) => entry.split(':').map(Number));
    const young = finished.filter(([second]) => Number(now) - second < RECENT_SECONDS);
    if (young.length < 2) return 0;
    // What the first of them stored was done before the time that is counted.
    const rows = young.slice(0, -1).reduce((sum, [, stored]) => sum + stored, 0);
    return rows / Math.max(1, Number(now) - young[young.length - 1][0]);
  }

  /** Forgets a job, if it is in this run. */
  async remove(job: string, run: string): Promise<void> {
    await this.#script(REMOVE, [...this.#keys(job, ...PARTS), this.#jobs], [run, job]);
  }

  get #jobs(): string {
    return `${this.#prefix}:jobs`;
  }

  #keys(job: string, ...parts: Part[]): string[] {
    return parts.map((part) => this.#key(job, part));
  }

  #script(script: string, keys: string[], values: (string | number)[]): Promise<unknown> {
    return asking(() => this.#redis.eval(script, keys.length, ...keys, ...values));
  }

  #key(job: string, part?: Part): string {
    return `${this.#prefix}:job:${job}${part === undefined ? '' : `:${part}`}`;
  }

  async #entries(key: string): Promise<{ count: number; first: [string, string][] }> {
    return asking(async () => {
      const count = await this.#redis.hlen(key);
      const first: [string, string][] = [];
      let cursor = '0';
      do {
        const [next, flat] = await this.#redis.hscan(key, cursor, 'COUNT', SHOWN);
        for (let i = 0; i < flat.length; i += 2) first.push([flat[i], flat[i + 1]]);
        cursor = next;
      } while (cursor !== '0' && first.length < SHOWN);
      return { count, first: first.sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, SHOWN) };
    });
  }
}
