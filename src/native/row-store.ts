import type { Metric } from './binding.js';

/** How a store keeps its rows; `'i8'` with a scale for each row, `'b1'` the signs of the values. */
export type StoreDtype = 'f32' | 'f16' | 'bf16' | 'i8' | 'b1';

/** `'l1'` is the Manhattan distance; of bits, the Hamming distance. */
export type StoreMetric = Metric | 'l1';

const ELEMENT_BITS = { f32: 32, f16: 16, bf16: 16, i8: 8, b1: 1 } as const;

/** What a store keeps of its rows of `'f32'` besides, to search them faster: see {@link RowStore.gatherCodes}. */
export type Acceleration = 'int8' | 'binary';

/** Float32 for each row that `'int8'` has beside its codes. */
export const CODE_FLOATS = 3;

/** Bytes from row to row of the codes. */
export function codeStride(acceleration: Acceleration, dims: number): number {
  return storedStride(acceleration === 'int8' ? 'i8' : 'b1', dims);
}

/** Bytes from row to row as stores and files have them: whole cache lines, for bits whole words. */
export function storedStride(dtype: StoreDtype, dims: number): number {
  const step = dtype === 'b1' ? 8 : 64;
  return Math.ceil((ELEMENT_BITS[dtype] * dims) / 8 / step) * step;
}

/** What a search of a {@link RowStore} found; hits of query `i` are at `offsets[i]` to `offsets[i + 1]`. */
export interface FoundRows {
  /** One entry more than there are queries. */
  offsets: Float64Array;
  /** Positions of rows, for each query best first. */
  indices: Uint32Array;
  scores: Float32Array;
  /** How many pairs of query and row got their exact score; the others could be ruled out without. */
  scored: number;
}

/** A search under way on native threads. */
export interface StoreTask {
  promise: Promise<FoundRows>;
  /** Stops between blocks; the promise then rejects with `ERR_ABORTED`. */
  cancel(): void;
}

export interface StoreSearch {
  /** Row-major, whole rows. Copied before the call returns. */
  queries: Float32Array<ArrayBuffer>;
  metric: StoreMetric;
  /** The most rows to find per query; more than there are means all. */
  k: number;
  /** Only rows whose score is at least this (for distances: at most this); null: all. */
  radius: number | null;
  threads: number;
  /** Only the first `rows` rows are searched; at least 1. */
  rows: number;
  /**
   * Bit `i % 32` of word `i / 32` says whether row `i` may be found; null: all may. At least `rows` bits. Copied
   * before the call returns.
   */
  allowed: Uint32Array | null;
  /**
   * 0: the search is exact. Otherwise, of a store with `'binary'`: only so many rows per query get scores, those
   * whose signs differ least from the query's.
   */
  candidates: number;
}

/** Rows that native threads are writing, see {@link RowStore.stage}. */
export interface StagedRows {
  promise: Promise<void>;
  /**
   * Once the promise has been resolved: adds the rows, which takes no time.
   *
   * @returns {@link RowStore.firstUnfit}; unless it is -1, nothing was added
   */
  adopt(): number;
  /** To be called last: gives up rows that were not adopted. */
  discard(): void;
}

/**
 * Rows of one length outside JavaScript's heap, in memory of their own or mapped from files. Rows are only ever
 * added, so a search under way sees the rows of its start; it keeps their memory alive whatever happens to the
 * store.
 *
 * Callers have validated every argument; the addon checks what its memory safety depends on once more.
 */
export interface RowStore {
  /** Rows held. */
  readonly rows: number;
  /** Distance between rows as they are stored, see {@link storedStride}. */
  readonly stride: number;
  /** What it keeps besides. */
  readonly codes: Acceleration | null;
  /** Bytes of memory of its own, without mapped files. */
  readonly memoryBytes: number;
  /** Bytes of mapped files. */
  readonly mappedBytes: number;

  /** The first of the rows with a value that is not finite in the store's dtype, or -1. */
  firstUnfit(data: Float32Array<ArrayBuffer>): number;
  /**
   * Adds rows of floats.
   *
   * @param data row-major, whole rows
   * @returns {@link firstUnfit}; unless it is -1, nothing was added
   * @throws {EmbedlaneError} `ERR_RUNTIME` if memory is short; then nothing was added
   */
  append(data: Float32Array<ArrayBuffer>): number;
  /**
   * The same on other threads. `data` is read until the promise settles, and its ArrayBuffer is marked untransferable
   * for good: moved to another thread, the memory would be taken away from those that read it.
   *
   * @throws {EmbedlaneError} `ERR_RUNTIME` if memory is short
   */
  stage(data: Float32Array<ArrayBuffer>): StagedRows;
  /** Adds rows, and for `'i8'` their scales, as {@link gather} gives them. */
  appendStored(bytes: Uint8Array, scales: Float32Array | null): void;
  /**
   * Adds the rows of a file, mapped read-only.
   *
   * @param bytes length that the file must have
   * @param offset where the first row begins, a multiple of 64
   * @param codes where the codes begin, as {@link gatherCodes} gives them: those of all rows, then the floats; a
   * multiple of 64, or 0 if the file has none
   * @param scales for `'i8'`; copied
   * @returns false, adding nothing, if the file has another length or the rows do not fit into it
   * @throws {EmbedlaneError} `ERR_IO` if the file cannot be mapped
   */
  map(
    path: string,
    bytes: number,
    offset: number,
    codes: number,
    rows: number,
    scales: Float32Array | null,
  ): boolean;
  /** Makes the codes of up to `rows` mapped rows that have none yet; returns whether any are left. */
  prepare(rows: number): boolean;
  /** Copies rows as they are stored: `positions.length × stride` bytes, and for `'i8'` a scale for each. */
  gather(positions: Uint32Array, out: Uint8Array, scales: Float32Array | null): void;
  /**
   * Copies the codes of rows: `positions.length` times {@link codeStride} bytes, and for `'int8'` three floats for
   * each row: all scales, then all errors, then all norms.
   */
  gatherCodes(positions: Uint32Array, out: Uint8Array, floats: Float32Array): void;
  /** Copies rows as the floats that they stand for: `positions.length × dims` values. */
  read(positions: Uint32Array, out: Float32Array): void;

  search(search: StoreSearch): StoreTask;
  searchSync(search: StoreSearch): FoundRows;

  /** Gives up the rows; searches under way keep theirs. The store must not be used afterwards. */
  close(): void;
}

/** The part of the binding that an index stands on. */
export interface StorageBinding {
  /**
   * An empty store for rows of `dims` values.
   *
   * @param acceleration for `'f32'`; null: none
   */
  createRowStore(dims: number, dtype: StoreDtype, acceleration: Acceleration | null): RowStore;
  /** CRC-32C (RFC 3720) of `bytes`; `previous` is the CRC of the bytes before them, 0 at the beginning. */
  crc32c(bytes: Uint8Array, previous: number): number;
  /**
   * Takes an exclusive lock between processes and threads on a file, which is made if need be and stays. It ends
   * with the returned call, or with the thread.
   *
   * @returns null if somebody else holds it
   */
  lockFile(path: string): (() => void) | null;
}
