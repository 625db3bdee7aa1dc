/// <reference lib="esnext.disposable" preserve="true" />
import type { MatrixLike } from '../core/embeddings.js';
import type { OnProgress } from '../core/progress.js';
import type { SparseVector } from '../heads/index.js';
import type { ImageInput } from '../image/index.js';
import type { IndexMetric } from '../index/index.js';
import type { StoreFilter } from './filter/expression.js';

/**
 * How scores are computed, as `topK` computes them: `'cosine'` and `'dot'` are similarities, largest first; `'l2'` is
 * the Euclidean distance and `'hamming'` the number of differing bits, smallest first.
 */
export type StoreMetric = IndexMetric;

/** How a collection keeps its vectors: as `FlatIndex` names it, and sparse ones. Not every engine has all of them. */
export const STORE_DTYPES = ['f32', 'f16', 'bf16', 'i8', 'b1', 'sparse'] as const;
export type StoreDtype = (typeof STORE_DTYPES)[number];

/**
 * Which index an engine builds: `'flat'` none, so that every search is exact; `'hnsw'` a graph; `'hnsw_sq'` a graph over
 * scalar-quantised vectors; `'ivf'` inverted lists; `'auto'` what the engine holds best.
 */
export const STORE_INDEX_TYPES = ['auto', 'flat', 'hnsw', 'hnsw_sq', 'ivf'] as const;
export type StoreIndexType = (typeof STORE_INDEX_TYPES)[number];

export interface StoreIndexOptions {
  /** @default 'auto' */
  type?: StoreIndexType;
  /** Links per node of a graph, 2 to 128. */
  m?: number;
  /** Candidates while a graph is built, 4 to 1,000. */
  efConstruction?: number;
  /** Inverted lists, 1 to 65,536. */
  lists?: number;
}

/** What `create` makes. */
export interface CollectionOptions {
  /** Values per vector; for `'sparse'`, one more than the largest index. */
  dims: number;
  /** @default 'cosine'; 'hamming' for 'b1', 'dot' for 'sparse' */
  metric?: StoreMetric;
  /** @default 'f32' */
  dtype?: StoreDtype;
  index?: StoreIndexOptions;
  signal?: AbortSignal;
}

/** What a collection is. */
export interface CollectionInfo {
  readonly dims: number;
  readonly metric: StoreMetric;
  readonly dtype: StoreDtype;
}

/** A vector as stores give it back: bits are packed, the first dimension in the highest bit of the first byte. */
export type StoreVector = Float32Array | Uint8Array | SparseVector;

/**
 * A vector as stores take it: numbers for every dense dtype (for `'b1'`, a dimension's bit is set if it is above 0),
 * packed bits for `'b1'`, and `{ indices, values }` with ascending indices for `'sparse'`.
 */
export type StoreVectorInput = StoreVector | readonly number[];

export type MetadataScalar = string | number | boolean;
/** A string, a finite number, a boolean, or an array of those. */
export type MetadataValue = MetadataScalar | readonly MetadataScalar[];
/**
 * Facts about a record that filters ask for. Names start with a letter, a digit or `_`, go on with those, `.`, `-` and
 * spaces, and have at most 64 characters.
 */
export type Metadata = Readonly<Record<string, MetadataValue>>;

interface RecordFields {
  /** 1 to 512 bytes of UTF-8. Ids are compared byte for byte. */
  id: string;
  /** The text itself. @default the `text` that is embedded, if there is one */
  document?: string;
  metadata?: Metadata;
}

/** One record to store. A text or an image is embedded by the store's `embedder`. */
export type StoreRecord = RecordFields &
  (
    | { vector: StoreVectorInput; text?: undefined; image?: undefined }
    | { text: string; vector?: undefined; image?: undefined }
    | { image: ImageInput; vector?: undefined; text?: undefined }
  );

/** What is searched for: a vector, or a text or an image that the store's `embedder` embeds. A string is a text. */
export type StoreQuery =
  | string
  | StoreVectorInput
  | { vector: StoreVectorInput }
  | { text: string }
  | { image: ImageInput };

export const INCLUDABLE = ['vector', 'document', 'metadata'] as const;
export type Includable = (typeof INCLUDABLE)[number];

/** A record as it is stored, with what was asked to be included. */
export interface StoredRecord {
  id: string;
  vector?: StoreVector;
  document?: string;
  metadata?: Metadata;
}

export interface StoreHit extends StoredRecord {
  /** By the collection's metric; of a hybrid search, the sum of reciprocal ranks. */
  score: number;
}

export interface IncludeOptions {
  /** @default ['document', 'metadata'] */
  include?: readonly Includable[];
  signal?: AbortSignal;
}

/** Full text beside vectors; the two rankings are merged by reciprocal rank fusion. */
export interface HybridOptions {
  /** Words to look for in the documents. @default the query, if it is a text */
  words?: string;
  /** Hits of each ranking that are merged. @default max(100, 2 × k) */
  candidates?: number;
  /** @default 60 */
  rankConstant?: number;
  /** Weights of the vectors' ranking and of the words'. @default [1, 1] */
  weights?: readonly [number, number];
}

export interface StoreSearchOptions extends IncludeOptions {
  /** How many records to find, 1 to 10,000. @default 10 */
  k?: number;
  /** Only records that match. */
  filter?: StoreFilter;
  /** Compare the query with every record, past the engine's approximate index. @default false */
  exact?: boolean;
  /** Candidates that a graph search keeps (`ef`), 1 to 10,000; engines have their own defaults. */
  efSearch?: number;
  /** Inverted lists that a search reads, 1 to 65,536. */
  probes?: number;
  /** Searches the documents' words too. */
  hybrid?: boolean | HybridOptions;
}

export interface UpsertOptions {
  /** Most records in one request, within the engine's limits. */
  batchSize?: number;
  signal?: AbortSignal;
  /** Called when a batch is stored; `total` grows while records are read from an iterator. */
  onProgress?: OnProgress;
}

export interface ScrollOptions extends IncludeOptions {
  filter?: StoreFilter;
  /** Only records with an id after this one, to go on where an earlier scroll ended. */
  after?: string;
  /** Records in one request, 1 to 10,000. */
  batchSize?: number;
}

/**
 * What embeds texts and images for a store: a `TextEmbedder`, a `ClipEmbedder`, a `SparseEmbedder`, a client of
 * `embedlane/providers`, or any object with the methods that are needed.
 */
export interface StoreEmbedder {
  encodeQuery?(texts: string[], options: { signal?: AbortSignal }): Promise<MatrixLike | SparseVector[]>;
  encodeDocument?(texts: string[], options: { signal?: AbortSignal }): Promise<MatrixLike | SparseVector[]>;
  /** Instead of the two above, where a model does not tell questions from documents. */
  encodeText?(texts: string[], options: { signal?: AbortSignal }): Promise<MatrixLike>;
  encodeImage?(images: ImageInput[], options: { signal?: AbortSignal }): Promise<MatrixLike>;
}

/** Options that every store takes. */
export interface StoreOptions {
  /** Lets records and queries be texts or images. The store does not close it. */
  embedder?: StoreEmbedder;
}

/**
 * One collection of records with vectors, in some engine.
 *
 * Every method rejects with an `EmbedlaneError`: `ERR_INVALID_ARG`, `ERR_DIMENSION` and `ERR_DTYPE` before anything is
 * sent, `ERR_NOT_FOUND` without a collection, `ERR_CONFLICT` if the collection is not what the call needs, `ERR_REMOTE`
 * for what a server says, `ERR_ABORTED`, `ERR_CLOSED`. What may be retried is.
 */
export interface VectorStore extends AsyncDisposable, AsyncIterable<StoredRecord> {
  /** Makes the collection. One that is there already and is the same is left as it is. */
  create(options: CollectionOptions): Promise<void>;
  /** What the collection is, or undefined if there is none. */
  info(options?: { signal?: AbortSignal }): Promise<CollectionInfo | undefined>;
  /**
   * Stores records; one whose id is there already is replaced. Of several with one id the last counts. An iterable is
   * read no faster than its records are stored.
   *
   * @returns how many records were stored
   * @throws {StoreError} with `stored`, how many of the first records are stored for certain
   */
  upsert(
    records: Iterable<StoreRecord> | AsyncIterable<StoreRecord>,
    options?: UpsertOptions,
  ): Promise<number>;
  /** The best records, best first; equal scores by id. */
  search(query: StoreQuery, options?: StoreSearchOptions): Promise<StoreHit[]>;
  /** The records with these ids, in their order; undefined for those that there are not. */
  get(ids: Iterable<string>, options?: IncludeOptions): Promise<(StoredRecord | undefined)[]>;
  /** Deletes by ids, or what matches a filter, and says how many records that were. */
  delete(
    what: Iterable<string> | { filter: StoreFilter },
    options?: { signal?: AbortSignal },
  ): Promise<number>;
  count(options?: { filter?: StoreFilter; signal?: AbortSignal }): Promise<number>;
  /** All records, by ascending id (byte for byte), read page by page. */
  scroll(options?: ScrollOptions): AsyncGenerator<StoredRecord, void, undefined>;
  /** Removes the collection with all records; without one nothing happens. */
  drop(options?: { signal?: AbortSignal }): Promise<void>;
  /** Ends the connection, after the calls under way. Every later call is an `ERR_CLOSED`, but for this one. */
  close(): Promise<void>;
}
