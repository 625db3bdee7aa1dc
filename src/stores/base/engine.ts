import type { FilterNode } from '../filter/expression.js';
import type {
  CollectionInfo,
  Metadata,
  StoreDtype,
  StoredRecord,
  StoreHit,
  StoreIndexType,
  StoreMetric,
  StoreVector,
} from '../types.js';

/** What fits into one request of an engine, and into one record. Text is counted in bytes of UTF-8. */
export interface EngineLimits {
  readonly dims: number;
  readonly batchRecords: number;
  readonly batchBytes: number;
  readonly documentBytes: number;
  /** Of the metadata as JSON. */
  readonly metadataBytes: number;
}

/** What an engine can do; anything else is refused before the engine is asked. */
export interface EngineSupport {
  /** Metrics for each dtype that the engine has. */
  readonly dtypes: Readonly<Partial<Record<StoreDtype, readonly StoreMetric[]>>>;
  readonly indexTypes: readonly StoreIndexType[];
}

/** A checked record: the vector in the form of `vectorArgument`. */
export interface PreparedRecord {
  readonly id: string;
  readonly vector: StoreVector;
  readonly document: string | undefined;
  readonly metadata: Metadata;
  readonly metadataJson: string;
}

/** A checked `StoreIndexOptions`. */
export interface IndexSpec {
  readonly type: StoreIndexType;
  readonly m: number | undefined;
  readonly efConstruction: number | undefined;
  readonly lists: number | undefined;
}

/** Which fields of a record are wanted. */
export interface Include {
  readonly vector: boolean;
  readonly document: boolean;
  readonly metadata: boolean;
}

/** The collection, and when to stop. */
export interface EngineContext {
  readonly info: CollectionInfo;
  readonly signal: AbortSignal | undefined;
}

export interface VectorRequest {
  readonly vector: StoreVector;
  readonly k: number;
  readonly filter: FilterNode | undefined;
  readonly include: Include;
  readonly exact: boolean;
  readonly efSearch: number | undefined;
  readonly probes: number | undefined;
}

export interface WordsRequest {
  readonly words: string;
  readonly k: number;
  readonly filter: FilterNode | undefined;
  readonly include: Include;
}

export interface PageRequest {
  /** Only ids after this one, byte for byte. */
  readonly after: string | undefined;
  readonly size: number;
  readonly filter: FilterNode | undefined;
  readonly include: Include;
}

/**
 * What one engine does for a store, on one collection. Arguments are checked. Every method may be called again after a
 * failure, also one that left its work half done.
 *
 * Failures that may pass (a lost connection, a busy server) are thrown as `Transient`; others as `EmbedlaneError`. A
 * method that is aborted may stop or finish: its caller has been answered.
 */
export interface StoreEngine<Encoded = unknown> {
  /** For messages: `PostgreSQL`. */
  readonly name: string;
  readonly limits: EngineLimits;
  readonly supports: EngineSupport;
  /** The collection as it is there, or undefined. */
  describe(signal: AbortSignal | undefined): Promise<CollectionInfo | undefined>;
  /** Makes the collection, which `describe` has not found. */
  create(info: CollectionInfo, index: IndexSpec, signal: AbortSignal | undefined): Promise<void>;
  /** What `write` sends for these records: made while the records before them are being stored. */
  encode?(records: readonly PreparedRecord[], context: EngineContext): Promise<Encoded> | Encoded;
  /** Stores records with distinct ids, replacing those that are there: all, or it throws. */
  write(records: readonly PreparedRecord[], context: EngineContext, encoded: Encoded): Promise<void>;
  /** The `k` nearest records, best first, equal scores by id; scores as `StoreMetric` says. */
  search(request: VectorRequest, context: EngineContext): Promise<StoreHit[]>;
  /** The `k` records whose documents match the words best, best first. Absent where the engine has no full text. */
  searchWords?(request: WordsRequest, context: EngineContext): Promise<StoredRecord[]>;
  /** The records with distinct `ids` that there are, in any order. */
  get(ids: readonly string[], include: Include, context: EngineContext): Promise<StoredRecord[]>;
  /** Deletes the records with distinct `ids`; says how many there were. */
  delete(ids: readonly string[], context: EngineContext): Promise<number>;
  deleteMatching(filter: FilterNode, context: EngineContext): Promise<number>;
  count(filter: FilterNode | undefined, context: EngineContext): Promise<number>;
  /** Up to `size` records by ascending id. */
  page(request: PageRequest, context: EngineContext): Promise<StoredRecord[]>;
  drop(signal: AbortSignal | undefined): Promise<void>;
  close(): Promise<void>;
}
