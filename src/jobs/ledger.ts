import type { Redis } from 'ioredis';
import { asking } from './redis.js';
import type { ShardNote } from './shard-note.js';
import type { FailedShard, JobSpec, JobState, PoisonItem } from './types.js';

/** Entries of lists that a status shows. */
const SHOWN = 100;
/** Finished shards that the rate is computed from, and for how long they count, in seconds. */
const RECENT = 512;
const RECENT_SECONDS = 60;

/**
 * Notes a shard as done. Once: a shard that two workers did, because one of them was thought dead, counts as one.
 * KEYS: job, done, failed, notes, poison, recent. ARGV: shard, stored, then places and items that were set aside.
 */
const FINISH = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('HDEL', KEYS[4], ARGV[1])
if redis.call('SETBIT', KEYS[2], ARGV[1], 1) == 1 then return 0 end
redis.call('HINCRBY', KEYS[1], 'stored', ARGV[2])
redis.call('HINCRBY', KEYS[1], 'done', 1)
for i = 3, #ARGV, 2 do redis.call('HSET', KEYS[5], ARGV[i], ARGV[i + 1]) end
redis.call('LPUSH', KEYS[6], redis.call('TIME')[1] .. ':' .. ARGV[2])
redis.call('LTRIM', KEYS[6], 0, ${RECENT - 1})
return 1`;

/** Notes a shard as failed, unless it is done. KEYS: job, done, failed, notes. ARGV: shard, message. */
const FAIL = `
redis.call('HDEL', KEYS[4], ARGV[1])
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('GETBIT', KEYS[2], ARGV[1]) == 1 then return 0 end
return redis.call('HSET', KEYS[3], ARGV[1], ARGV[2])`;

/** Keeps a note of a shard that is being done; of a job that was removed meanwhile nothing may come back. */
const NOTE = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
return redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])`;

/** What the ledger has of a job, each under a key of its own. */
const PARTS = [undefined, 'done', 'failed', 'notes', 'poison', 'recent'] as const;

/** What is known of a job. */
export interface LedgerEntry {
  readonly spec: JobSpec;
  readonly state: Exclude<JobState, 'done' | 'failed'>;
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
    return asking(async () => (await this.#redis.smembers(`${this.#prefix}:jobs`)).sort());
  }

  async read(job: string): Promise<LedgerEntry | undefined> {
    const fields = await asking(() => this.#redis.hgetall(this.#key(job)));
    if (fields.spec === undefined) return undefined;
    const [items, stored, shards, done] = [fields.items, fields.stored, fields.shards, fields.done].map(
      (value) => Number(value ?? 0),
    );
    const state = fields.state as LedgerEntry['state'];
    return { spec: JSON.parse(fields.spec) as JobSpec, state, items, stored, shards, done };
  }

  /** Notes a job, as one whose shards are still being queued. */
  async open(job: string, spec: JobSpec): Promise<void> {
    await asking(() =>
      this.#redis
        .multi()
        .sadd(`${this.#prefix}:jobs`, job)
        .hset(this.#key(job), { spec: JSON.stringify(spec), state: 'submitting' })
        .exec(),
    );
  }

  /** Says how large a job is, as far as that is known. */
  async setSize(job: string, size: { shards: number; items: number }): Promise<void> {
    await asking(() => this.#redis.hset(this.#key(job), size));
  }

  async setState(job: string, state: LedgerEntry['state']): Promise<void> {
    await asking(() => this.#redis.hset(this.#key(job), { state }));
  }

  async state(job: string): Promise<LedgerEntry['state'] | undefined> {
    const state = await asking(() => this.#redis.hget(this.#key(job), 'state'));
    return (state ?? undefined) as LedgerEntry['state'] | undefined;
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

  async finish(job: string, shard: number, stored: number, aside: readonly PoisonItem[]): Promise<void> {
    const keys = PARTS.map((part) => this.#key(job, part));
    const items = aside.flatMap((item) => [item.place, JSON.stringify(item)]);
    await asking(() => this.#redis.eval(FINISH, keys.length, ...keys, shard, stored, ...items));
  }

  async fail(job: string, shard: number, message: string): Promise<void> {
    const keys = PARTS.slice(0, 4).map((part) => this.#key(job, part));
    await asking(() => this.#redis.eval(FAIL, keys.length, ...keys, shard, message));
  }

  /** How far a shard is that a worker has begun. */
  async note(job: string, shard: number): Promise<ShardNote | undefined> {
    const note = await asking(() => this.#redis.hget(this.#key(job, 'notes'), String(shard)));
    return note === null ? undefined : (JSON.parse(note) as ShardNote);
  }

  async setNote(job: string, shard: number, note: ShardNote): Promise<void> {
    const keys = [this.#key(job), this.#key(job, 'notes')];
    await asking(() => this.#redis.eval(NOTE, keys.length, ...keys, shard, JSON.stringify(note)));
  }

  async failedShards(job: string): Promise<number[]> {
    return (await asking(() => this.#redis.hkeys(this.#key(job, 'failed')))).map(Number);
  }

  /** Takes the note of a failed shard away. */
  async forgive(job: string, shard: number): Promise<void> {
    await asking(() => this.#redis.hdel(this.#key(job, 'failed'), String(shard)));
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

  async remove(job: string): Promise<void> {
    const parts = PARTS.map((part) => this.#key(job, part));
    await asking(() =>
      this.#redis
        .multi()
        .del(...parts)
        .srem(`${this.#prefix}:jobs`, job)
        .exec(),
    );
  }

  #key(job: string, part?: string): string {
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
