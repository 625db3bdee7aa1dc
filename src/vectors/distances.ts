import { Embeddings, type Matrix, type MatrixLike } from '../core/embeddings.js';
import { EmbedlaneError } from '../core/errors.js';
import { float32Array, oneOf, optionsObject } from '../core/validate.js';
import type { Dtype } from '../native/binding.js';
import { loadBinding } from '../native/load.js';
import { allocateFloats } from '../native/memory.js';
import {
  requireSameDtype,
  type Vector,
  type VectorMatrix,
  vectorArgument,
  vectorsArgument,
} from './elements.js';
import { matrixArgument, requireSameDims } from './matrix.js';

// Sums of floats run in float64 in one fixed order and are rounded to float32 once (the addon's native/kernels/kernels.h
// describes it), so every function below gives a pair the same bits on every CPU. The relative error against
// exact arithmetic is at most 2^-24 plus n·2^-53 times the sum of the terms' sizes. Sums of integers are exact.
//
// Comparing a pair takes less time than checking it here would, so the binding gets it as it is and answers
// undefined to what is not a good pair.

export interface PairOptions {
  /**
   * What the elements are, where the array does not tell: `'f16'` or `'bf16'` in Uint16Arrays, `'b1'` (bits) in
   * Uint8Arrays, whose values {@link dot}, {@link cosine} and {@link l2} otherwise take as numbers.
   */
  dtype?: Dtype;
}

/**
 * Dot product of two vectors; of bits, how many both have.
 *
 * NaN and infinite values go through as IEEE 754 says; a sum beyond float32 is ±Infinity.
 *
 * @throws {EmbedlaneError} `ERR_DTYPE` if not typed arrays of one type that holds vectors, `ERR_DIMENSION` if lengths
 * differ
 */
export function dot(a: Vector, b: Vector, options?: PairOptions): number {
  const score = options === undefined ? loadBinding().dot(a, b) : undefined;
  return score ?? comparePair('dot', a, b, options);
}

/**
 * Cosine similarity of two vectors, in [-1, 1]; 0 if one of them is the zero vector.
 *
 * @throws {EmbedlaneError} as {@link dot}
 */
export function cosine(a: Vector, b: Vector, options?: PairOptions): number {
  const score = options === undefined ? loadBinding().cosine(a, b) : undefined;
  return score ?? comparePair('cosine', a, b, options);
}

/**
 * Euclidean distance of two vectors (the root is taken), from their differences: exact for near duplicates.
 *
 * @throws {EmbedlaneError} as {@link dot}
 */
export function l2(a: Vector, b: Vector, options?: PairOptions): number {
  const score = options === undefined ? loadBinding().l2(a, b) : undefined;
  return score ?? comparePair('l2', a, b, options);
}

/**
 * Hamming distance: in how many bits two vectors differ. Takes the `'ubinary'` (Uint8Array) and `'binary'` (Int8Array)
 * rows of `quantize`, or bits packed in any other way.
 *
 * @throws {EmbedlaneError} `ERR_DTYPE` if not bytes of one type, `ERR_DIMENSION` if lengths differ
 */
export function hamming(a: Uint8Array | Int8Array, b: Uint8Array | Int8Array, options?: PairOptions): number {
  const score = options === undefined ? loadBinding().hamming(a, b) : undefined;
  return score ?? comparePair('hamming', a, b, options);
}

/**
 * Jaccard distance of two vectors of bits: 1 − |a and b| / |a or b|, in [0, 1]; 0 if neither has any.
 *
 * @throws {EmbedlaneError} as {@link hamming}
 */
export function jaccard(a: Uint8Array | Int8Array, b: Uint8Array | Int8Array, options?: PairOptions): number {
  const score = options === undefined ? loadBinding().jaccard(a, b) : undefined;
  return score ?? comparePair('jaccard', a, b, options);
}

/** A pair that needs a closer look: wrong, empty, or of elements that its arrays do not tell. */
function comparePair(
  metric: 'dot' | 'cosine' | 'l2' | 'hamming' | 'jaccard',
  a: Vector,
  b: Vector,
  options: PairOptions | undefined,
): number {
  const { dtype } = optionsObject('options', options, ['dtype']);
  const ofBits = metric === 'hamming' || metric === 'jaccard';
  const left = vectorArgument('a', a, ofBits, dtype);
  const right = vectorArgument('b', b, ofBits, dtype);
  requireSameDtype('a', left, 'b', right);
  if (left.data.length !== right.data.length) {
    throw new EmbedlaneError(
      'ERR_DIMENSION',
      `Expected ${left.data.length} values, as in a, for b but received ${right.data.length}`,
    );
  }
  return loadBinding()[metric](left.data, right.data, left.dtype) ?? 0;
}

/** How {@link similarity} compares. Distances are negated, so that larger always means more similar. */
export type SimilarityMetric = 'cosine' | 'dot' | 'euclidean' | 'manhattan';

/** How vectors of bits compare besides: by the bits in which they differ, negated. */
export type BitSimilarityMetric = 'hamming' | 'jaccard';

export interface SimilarityOptions {
  /** @default 'cosine' */
  metric?: SimilarityMetric;
}

export const SIMILARITY_METRICS = ['cosine', 'dot', 'euclidean', 'manhattan'] as const;
export const NATIVE_METRICS = { cosine: 'cosine', dot: 'dot', euclidean: 'l2', manhattan: 'l1' } as const;

const BIT_METRICS = { hamming: 'l1', jaccard: 'jaccard' } as const;
const ALL_METRICS = { ...NATIVE_METRICS, ...BIT_METRICS };

/**
 * Compares every row of `a` with every row of `b`: the similarity functions of sentence-transformers, for elements of
 * every type. What `quantize` returns is compared as it is: codes as integers, bits as 0 and 1.
 *
 * Works on the calling thread, where others help with large matrices; the caller waits for all of it. For the best few
 * of many rows use `topK`.
 *
 * @returns a matrix of `a.rows × b.rows` scores; distances are negated
 * @throws {EmbedlaneError} `ERR_DTYPE`, `ERR_DIMENSION` or `ERR_INVALID_ARG` for matrices or options that do
 * not fit
 */
export function similarity(
  a: VectorMatrix,
  b: VectorMatrix,
  options?: { metric?: SimilarityMetric | BitSimilarityMetric },
): Matrix {
  const { metric = 'cosine' } = optionsObject('options', options, ['metric']);
  oneOf('options.metric', metric, [...SIMILARITY_METRICS, 'hamming', 'jaccard']);
  const ofBits = metric in BIT_METRICS;
  const left = vectorsArgument('a', a, ofBits);
  const right = vectorsArgument('b', b, ofBits);
  requireSameDtype('a', left, 'b', right);
  requireSameDims('a', left, 'b', right);
  const data = allocateFloats(left.rows * right.rows);
  if (data.length > 0) {
    loadBinding().matrix(ALL_METRICS[metric], left.data, right.data, left.dims, data, left.dtype);
  }
  if (metric !== 'cosine' && metric !== 'dot') {
    for (let i = 0; i < data.length; i++) data[i] = 0 - data[i];
  }
  return { data, rows: left.rows, cols: right.rows };
}

/**
 * Divides a vector, or each row of a matrix, by max(‖x‖, 1e-12). The argument stays as it is.
 *
 * @returns a new Float32Array for a vector, new Embeddings for a matrix
 * @throws {EmbedlaneError} `ERR_DTYPE`, `ERR_DIMENSION` or `ERR_INVALID_ARG` for anything else
 */
export function normalize(x: Float32Array): Float32Array;
export function normalize(x: MatrixLike): Embeddings;
export function normalize(x: Float32Array | MatrixLike): Float32Array | Embeddings {
  if (ArrayBuffer.isView(x)) {
    const vector = float32Array('x', x).slice();
    if (vector.length > 0) loadBinding().normalizeRows(vector, vector.length);
    return vector;
  }
  const { data, rows, dims } = matrixArgument('x', x);
  const copy = data.slice();
  if (rows > 0) loadBinding().normalizeRows(copy, dims);
  return new Embeddings(copy, rows, dims);
}
