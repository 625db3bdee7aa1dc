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

/** The arrays that hold elements of the {@link DTYPES}: both kinds of 16-bit floats live in Uint16Arrays. */
export type VectorData = Float32Array | Uint16Array | Int8Array | Uint8Array;

export type Metric = 'cosine' | 'dot' | 'l2';

/** Metrics of searches; `'l1'` is for bits only: their Hamming distance. */
export type SearchMetric = Metric | 'l1';

/** Metrics of {@link NativeBinding.matrix}: `'l1'` of bits is the Hamming distance, `'jaccard'` is for bits only. */
export type MatrixMetric = Metric | 'l1' | 'jaccard';

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

/** Strings one after another in UTF-16; string `i` ends before `ends[i]`. */
export interface Strings {
  units: Uint16Array;
  ends: Uint32Array;
}

/** A WordPiece tokenizer as {@link NativeBinding.createWordPiece} takes it. */
export interface WordPieceSpec {
  vocabulary: Strings;
  /** Id of each token of the vocabulary. */
  ids: Uint32Array;
  /** Tokens that are found in the text itself, whatever is around them. */
  added: Strings;
  addedIds: Uint32Array;
  /** What continuing pieces start with. */
  prefix: Uint16Array;
  /** Lowercase and strip accents. */
  fold: boolean;
  /** Id of words without pieces. */
  unknown: number;
  /** Longer words are unknown. */
  mostCharacters: number;
}

/** A native tokenizer. */
export interface WordPieceHandle {
  readonly wordPiece: unique symbol;
}

/** Which of a text's tokens are kept. */
export interface TokenLimits {
  /** At most 2^32 − 1. */
  most: number;
  /** Keep the last `most` and not the first. */
  fromEnd: boolean;
  dropUnknown: boolean;
}

/** Most tokens that a UTF-16 unit can become. */
export const MOST_TOKENS_PER_UNIT = 3;

/** Token ids of several texts; text `i` ends before `ends[i]`. */
export interface TokenBags {
  ids: Uint32Array;
  ends: Uint32Array;
  /** Per text, 0 if it has a character whose tokens depend on its neighbours: it has no ids here. */
  known: Uint8Array;
}

/** Vectors of a mapped file. */
export interface TableHandle {
  readonly table: unique symbol;
}

/** Vectors in float32, row-major; must not change while it is read. */
export type VectorTable = Float32Array | TableHandle;

/** How means of a table's rows are to come out. */
export interface MeanPlan {
  /** Values of a row. */
  dims: number;
  /** Divide each mean by max(‖x‖, 1e-12). */
  normalize: boolean;
  /** Leading values of each mean that are wanted. */
  kept: number;
  /** Divide what is kept by its length. */
  normalizeKept: boolean;
}

/** The means of several texts' tokens. */
export interface TextMeans {
  /** Row-major `[texts, kept]`. */
  means: Float32Array;
  /** Tokens of each text. */
  counts: Uint32Array;
  /** As in {@link TokenBags}: a text that is not known has zeros. */
  known: Uint8Array;
}

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

/** Sizes of a short-time Fourier transform. */
export interface MelSpec {
  /** Samples of the window, those given and the zeros behind them; more than `fftSize / 2`. */
  total: number;
  /** Samples of a frame: even, without a prime factor above 5. */
  fftSize: number;
  /** Samples from frame to frame. */
  hop: number;
  frames: number;
  /** Least energy of a band. */
  floor: number;
  /** Whether the result is scaled as Whisper does: (max(x, largest − 8) + 4) / 4. */
  whisper: boolean;
}

/** Where the outputs of a rate conversion lie: output n at (first + n · step) / denominator input samples. */
export interface ResampleSpec {
  phases: number;
  taps: number;
  first: number;
  step: number;
  denominator: number;
}

/**
 * What the addon and the TypeScript fallback both implement, with the same results. Callers have validated
 * every argument; the addon checks types and lengths once more and never trusts them.
 */
export interface NativeBinding extends ImageBinding, Conversions, StorageBinding {
  /**
   * Asks the operating system to end this process as soon as its parent is gone, also in the middle of native code.
   *
   * @returns false where that cannot be had, which is everywhere but on Linux
   */
  endWithParent(): boolean;
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

  // One pair, as fast as a call can be: the answer is undefined unless both are typed arrays of one type and length,
  // not empty, over memory that is neither shared nor detached. `dtype` tells which elements the array holds: needed
  // for Uint16Arrays, possible for bits in Uint8Arrays.
  dot(a: unknown, b: unknown, dtype?: Dtype): number | undefined;
  cosine(a: unknown, b: unknown, dtype?: Dtype): number | undefined;
  l2(a: unknown, b: unknown, dtype?: Dtype): number | undefined;
  l1(a: unknown, b: unknown, dtype?: Dtype): number | undefined;
  /** Of bits in Uint8Arrays, or in Int8Arrays that hold the bytes minus 128. */
  hamming(a: unknown, b: unknown, dtype?: Dtype): number | undefined;
  /** Of bits in Uint8Arrays. */
  jaccard(a: unknown, b: unknown, dtype?: Dtype): number | undefined;
  /** One query against every row of a row-major corpus; `out.length` is the number of rows. */
  scores(metric: Metric, query: Float32Array, corpus: Float32Array, out: Float32Array): void;
  /**
   * Every row of `a` against every row of `b`, both of `dims` dimensions: `out[i × rows of b + j]`. `'l1'` is the
   * Manhattan distance. Rows of bits are whole bytes.
   *
   * @param dtype `'f32'` if left out
   * @param threads at most so many; if left out, as many as the machine has where there is enough to do
   */
  matrix(
    metric: MatrixMetric,
    a: VectorData,
    b: VectorData,
    dims: number,
    out: Float32Array,
    dtype?: Dtype,
    threads?: number,
  ): void;
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

  /**
   * BERT's WordPiece tokenizer; undefined where there is no native one.
   *
   * @param threads that {@link embedWordPiece} keeps busy at a time, whatever it is given
   */
  createWordPiece?(spec: WordPieceSpec, threads: number): Promise<WordPieceHandle>;
  /**
   * Ids as Hugging Face tokenizers gives them, without special tokens. Lone surrogates count as U+FFFD.
   *
   * @param into room for {@link MOST_TOKENS_PER_UNIT} ids for each unit of text, and for one end and one flag for
   *   each text
   */
  encodeWordPiece?(
    tokenizer: WordPieceHandle,
    texts: Strings,
    limits: TokenLimits,
    into: TokenBags,
  ): Promise<void>;
  /**
   * {@link encodeWordPiece} and {@link bagMeans} in one go, on one thread.
   *
   * @param table a row for each id of the tokenizer
   */
  embedWordPiece?(
    tokenizer: WordPieceHandle,
    texts: Strings,
    limits: TokenLimits,
    table: VectorTable,
    plan: MeanPlan,
    into: TextMeans,
  ): Promise<void>;
  /**
   * Mean of rows of a table, as torch's EmbeddingBag has it: zeros for an empty bag.
   *
   * @param table rows of `dims` values
   * @param ids rows, bag after bag; bag `i` ends before `ends[i]`
   * @param normalize divide each mean by max(‖x‖, 1e-12)
   * @param kept leading values of each mean that are wanted
   * @param normalizeKept divide what is kept by its length
   * @param out row-major `[bags, kept]`
   */
  bagMeans(
    table: VectorTable,
    dims: number,
    ids: Uint32Array,
    ends: Uint32Array,
    normalize: boolean,
    kept: number,
    normalizeKept: boolean,
    out: Float32Array,
  ): Promise<void>;
  /**
   * Maps float32 values of a file, read-only; undefined where files cannot be mapped. Memory is the system's, which
   * reads what is used and shares it between processes. The file must not be cut short meanwhile.
   *
   * @param begin position of the first value in the file, a multiple of 4
   * @param length number of values
   * @throws {EmbedlaneError} `ERR_IO` if the file cannot be mapped
   */
  mapTable?(path: string, begin: number, length: number): TableHandle;
  /** Hints that megabytes of memory, best not yet written, are better had in large pages. Changes nothing in them. */
  preferLargePages(data: ArrayBufferView): void;

  /**
   * Measures what this machine can do at most with `threads` threads: operations a second on f32, bf16, i8 and b1, and
   * bytes a second from memory. Takes about half a second and 256 MB.
   *
   * @param limits room for the five; zeros where they cannot be measured
   */
  measureLimits(threads: number, limits: Float64Array): NativeTask;

  topKSync(
    queries: VectorData,
    corpus: VectorData,
    dims: number,
    k: number,
    metric: SearchMetric,
    threads: number,
    dtype?: Dtype,
  ): TopKArrays;
  topK(
    queries: VectorData,
    corpus: VectorData,
    dims: number,
    k: number,
    metric: SearchMetric,
    threads: number,
    dtype?: Dtype,
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
  /**
   * Eigenvalues of a symmetric matrix, by falling value, and unit eigenvectors of the largest.
   *
   * @param matrix `[n, n]`; overwritten
   * @param values `[n]`; NaN if an element is not finite, or the algorithm does not converge
   * @param vectors `[count, n]` with count ≤ n; signs are arbitrary
   */
  symmetricEigen(matrix: Float64Array, values: Float64Array, vectors: Float64Array): NativeTask;

  // Audio.

  /**
   * Log-mel spectrogram of one window of audio, `[mels, frames]`: log10(max(energy, floor)).
   *
   * @param samples the window's beginning; zeros follow up to `spec.total`
   * @param window `fftSize` factors
   * @param starts first frequency bin of each mel band
   * @param counts number of bins of each band
   * @param weights of the bins of all bands, one band after the other
   */
  logMel(
    samples: Float32Array,
    spec: MelSpec,
    window: Float64Array,
    starts: Uint32Array,
    counts: Uint32Array,
    weights: Float64Array,
    threads: number,
    out: Float32Array,
  ): NativeTask;
  /**
   * Rate conversion with a bank of filters, `[phases + 1, taps]`.
   *
   * @param samples what the outputs lie in, with `taps / 2 − 1` samples before position 0
   */
  resample(
    samples: Float32Array,
    bank: Float32Array,
    spec: ResampleSpec,
    threads: number,
    out: Float32Array,
  ): NativeTask;
}
