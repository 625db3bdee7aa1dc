import type { ErrorCode } from '../core/errors.js';
import type { OnProgress } from '../core/progress.js';
import type { Dtype } from '../hub/index.js';
import type { CollectionOptions, Metadata } from '../stores/index.js';

/** One text to embed and store, of a job whose rows travel in the queue. */
export interface JobRecord {
  /** @default `rows#` and its place, from 1 on */
  id?: string;
  text: string;
  metadata?: Metadata;
}

/** Which fields of JSON lines and Parquet rows are what; dots reach into objects. */
export interface JobFields {
  /** @default 'text' */
  text?: string;
  /** A string or an integer. @default the file's name, `#` and the number of the line or row, from 1 on */
  id?: string;
  /** Fields that become metadata, under the same names. */
  metadata?: readonly string[];
}

export interface JobRequest {
  /**
   * Files below `root`: lines of text, JSON lines (`.jsonl`, `.ndjson`) or Parquet. Workers read them, from a folder
   * that all machines share.
   */
  inputs?: readonly string[];
  /** Instead of `inputs`: rows that travel in the queue, for workers that share no folder; Redis holds them all. */
  records?: Iterable<JobRecord> | AsyncIterable<JobRecord>;
  /** Folder that the inputs are named relative to; workers may have it elsewhere. @default the current folder */
  root?: string;
  /**
   * URL of the store, as `openStore` takes it, or `env:NAME`: what the workers' variable NAME says, which keeps
   * passwords out of Redis.
   */
  store: string;
  /** @default 'all-MiniLM-L6-v2' */
  model?: string;
  /** @default 'auto' */
  dtype?: Dtype;
  /** How the first worker makes the collection, if there is none. */
  collection?: Pick<CollectionOptions, 'metric' | 'dtype' | 'index'>;
  fields?: JobFields;
  /** 1 to 64 letters, digits, `_` and `-`. @default made from the request and its files, so that the same one goes on */
  id?: string;
  /** Most rows in a shard, which is what a worker takes at a time and what it loses if it is killed. @default 512 */
  shardRows?: number;
  /** Bytes of text in a shard, about. @default 1 MiB */
  shardBytes?: number;
  /** How often a shard is tried before it counts as failed. @default 8 */
  attempts?: number;
  /** Milliseconds before the second attempt; doubles every time, up to a minute. @default 1000 */
  retryDelay?: number;
  signal?: AbortSignal;
  /** Called as shards are queued; counts rows. */
  onProgress?: OnProgress;
}

/** What workers are told about a job: JSON in Redis. */
export interface JobSpec {
  readonly root: string;
  readonly store: string;
  readonly model: string;
  readonly dtype: Dtype;
  readonly collection: Pick<CollectionOptions, 'metric' | 'dtype' | 'index'>;
  readonly fields: { text: string; id?: string; metadata: readonly string[] };
  /** Names below `root`, and what tells that a file is another one; none if rows travel in the queue. */
  readonly inputs: readonly { readonly name: string; readonly bytes: number; readonly modified: number }[];
  readonly shardRows: number;
  readonly shardBytes: number;
  readonly attempts: number;
  readonly retryDelay: number;
}

/** An item that was set aside: everything else of its shard is stored. */
export interface PoisonItem {
  /** File and line or row. */
  place: string;
  id?: string;
  /** `'ERR_WORKER'`: it ends the process that works on it. */
  code: ErrorCode | 'ERR_UNEXPECTED' | 'ERR_WORKER';
  message: string;
}

/** A shard that no attempt could do; `retry` tries again. */
export interface FailedShard {
  shard: number;
  message: string;
}

/**
 * `'submitting'`: not all shards are queued (yet; the same request goes on); `'failed'`: over, but for shards that no
 * attempt could do.
 */
export type JobState = 'submitting' | 'running' | 'cancelled' | 'done' | 'failed';

export interface JobStatus {
  id: string;
  state: JobState;
  /** Without password. */
  store: string;
  model: string;
  /** Rows to embed; blank lines are none. */
  items: number;
  /** Rows whose records are in the store. */
  stored: number;
  /** Rows that were set aside. */
  poisoned: number;
  shards: { total: number; done: number; failed: number };
  /** Rows per second of late, over all workers; 0 if nothing was done in the last minute. */
  rate: number;
  /** Milliseconds until all is done at that rate, if there is one. */
  timeLeft: number | undefined;
  /** The first hundred. */
  poison: PoisonItem[];
  /** The first hundred. */
  failures: FailedShard[];
}

/** A part of the input, as it travels in the queue. */
export type Shard =
  | {
      readonly kind: 'lines' | 'jsonl' | 'parquet';
      readonly file: string;
      /** Bytes; of Parquet, rows. */
      readonly start: number;
      readonly end: number;
      /** Lines or rows before it. */
      readonly before: number;
      /** Rows that are not blank. */
      readonly items: number;
      /** SHA-256 of its bytes; of Parquet, of the file's length and end, where its directory is. */
      readonly digest: string;
    }
  | { readonly kind: 'rows'; readonly before: number; readonly items: number; readonly rows: JobRecord[] };

/** What a shard's job in the queue carries. */
export interface ShardTask {
  readonly job: string;
  /** The job's, when it was queued: what was queued in another is of no use any more. */
  readonly run?: string;
  readonly shard: number;
  readonly part: Shard;
}
