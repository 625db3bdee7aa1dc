import type { Conversions } from './conversions.js';
import type { ImageBinding } from './image-binding.js';
import type { StorageBinding } from './row-store.js';

/** Instruction-set levels, as `EMBEDLANE_SIMD` and `simd()` name them; lowest first on each architecture. */
export const SIMD_LEVELS = ['scalar', 'avx2', 'avx512', 'avx512_vnni', 'neon', 'neon_dotprod'] as const;
export type SimdLevel = (typeof SIMD_LEVELS)[number];

/**
 * Element types of vectors: IEEE 754 binary32 and binary16, bfloat16, signed and unsigned bytes, and bits (one
 * per dimension, eight to a byte, first dimension in the highest bit, unused bits of the last byte 0). In the
 * order of the addon's Dtype.
 */
export const DTYPES = ['f32', 'f16', 'bf16', 'i8', 'u8', 'b1'] as const;
export type Dtype = (typeof DTYPES)[number];

export type Metric = 'cosine' | 'dot' | 'l2';

/**
 * Pooling modes of sentence-transformers' `Pooling` module, in the order in which several modes are
 * concatenated.
 */
export const POOLING_MODES = ['cls', 'max', 'mean', 'mean_sqrt_len', 'weightedmean', 'lasttoken'] as const;
export type PoolingMode = (typeof POOLING_MODES)[number];

/** Result of a top-k search: row-major `rows × k`, best first, ties by lowest index. */
export interface TopKArrays {
  indices: Uint32Array;
  scores: Float32Array;
}

/**
 * Most floats of queries that {@link NativeBinding.topK} copies before it returns; above, it reads them in
 * place like the corpus. The addon's kMaxCopiedFloats.
 */
export const MAX_COPIED_FLOATS = 2 ** 20;

/** A search under way on native threads. */
export interface TopKTask {
  promise: Promise<TopKArrays>;
  /** Stops between blocks; the promise then rejects with `ERR_ABORTED`. */
  cancel(): void;
}

/** Work under way on native threads that writes its results where it was told to. */
export interface NativeTask {
  promise: Promise<void>;
  /** Stops soon; the promise then rejects with `ERR_ABORTED`. */
  cancel(): void;
}

/**
 * What the addon and the TypeScript fallback both implement, with the same results. Callers have validated
 * every argument; the addon checks types and lengths once more and never trusts them.
 */
export interface NativeBinding extends ImageBinding, Conversions, StorageBinding {
  // Scores are summed in float64 in a fixed order and rounded to float32 once, so a pair has the same bits
  // in every function, on every level and in the fallback. Cosine with a zero vector is 0. NaN and Inf go
  // through as IEEE 754 says; in a search NaN comes after every number.

  readonly backend: 'native' | 'typescript';
  /** Level in use. */
  simdLevel(): SimdLevel;
  /** Levels that this CPU and operating system support, lowest first. */
  simdLevels(): SimdLevel[];
  /** Switches every kernel to `level`; for tests and benchmarks. */
  setSimdLevel(level: SimdLevel): void;

  dot(a: Float32Array, b: Float32Array): number;
  cosine(a: Float32Array, b: Float32Array): number;
  l2(a: Float32Array, b: Float32Array): number;
  /** One query against every row of a row-major corpus; `out.length` is the number of rows. */
  scores(metric: Metric, query: Float32Array, corpus: Float32Array, out: Float32Array): void;
  /**
   * Every row of `a` against every row of `b`, both of `dims` values: `out[i × rows of b + j]`. `'l1'` is the
   * Manhattan distance.
   */
  matrix(metric: Metric | 'l1', a: Float32Array, b: Float32Array, dims: number, out: Float32Array): void;
  /** Divides each row of `dims` values by max(‖row‖, 1e-12), in place. */
  normalizeRows(data: Float32Array, dims: number): void;
  /**
   * Pools token vectors into sentence vectors.
   *
   * @param hidden row-major `[batch, sequence, dims]`
   * @param mask row-major `[batch, sequence]`, non-zero for tokens that count
   * @param modes one or more, concatenated in the order of {@link POOLING_MODES}
   * @param normalize divide each result by max(‖x‖, 1e-12)
   * @param excludeLeading per row, how many of the first masked-in tokens (a prompt) do not count, or null
   * @returns row-major `[batch, dims × modes.length]`
   */
  pool(
    hidden: Float32Array,
    mask: Uint8Array,
    batch: number,
    sequence: number,
    dims: number,
    modes: readonly PoolingMode[],
    normalize: boolean,
    excludeLeading: Uint32Array | null,
  ): Float32Array;

  topKSync(
    queries: Float32Array,
    corpus: Float32Array,
    dims: number,
    k: number,
    metric: Metric,
    threads: number,
  ): TopKArrays;
  topK(
    queries: Float32Array,
    corpus: Float32Array,
    dims: number,
    k: number,
    metric: Metric,
    threads: number,
  ): TopKTask;

  // Analyses. Sums run in float64 over the rows in one fixed order, whatever the number of threads.

  /**
   * Sums the rows of each group into `sums`, row-major `[groupCount, dims]`, which comes zeroed.
   *
   * @param groups a number below `groupCount` for each row of `data`
   */
  groupSums(
    data: Float32Array,
    dims: number,
    groups: Uint32Array,
    groupCount: number,
    threads: number,
    sums: Float64Array,
  ): NativeTask;
  /** Σ (x − mean)(x − mean)ᵀ over the rows of `data` into `scatter`, `[dims, dims]`. At least one row. */
  scatterMatrix(
    data: Float32Array,
    dims: number,
    mean: Float64Array,
    threads: number,
    scatter: Float64Array,
  ): NativeTask;
}
