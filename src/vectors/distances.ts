import { Embeddings, type Matrix, type MatrixLike } from '../core/embeddings.js';
import { EmbedlaneError } from '../core/errors.js';
import { float32Array, oneOf, optionsObject } from '../core/validate.js';
import { loadBinding } from '../native/load.js';
import { allocateFloats } from '../native/memory.js';
import { matrixArgument, requireSameDims } from './matrix.js';

// Sums run in float64 in one fixed order and are rounded to float32 once (the addon's native/kernels/kernels.h
// describes it), so every function below gives a pair the same bits on every CPU. The relative error against
// exact arithmetic is at most 2^-24 plus n·2^-53 times the sum of the terms' sizes.

/**
 * Dot product of two vectors.
 *
 * NaN and infinite values go through as IEEE 754 says; a sum beyond float32 is ±Infinity.
 *
 * @throws {EmbedlaneError} `ERR_DTYPE` if not Float32Arrays, `ERR_DIMENSION` if lengths differ
 */
export function dot(a: Float32Array, b: Float32Array): number {
  checkPair(a, b);
  return loadBinding().dot(a, b);
}

/**
 * Cosine similarity of two vectors, in [-1, 1]; 0 if one of them is the zero vector.
 *
 * @throws {EmbedlaneError} `ERR_DTYPE` if not Float32Arrays, `ERR_DIMENSION` if lengths differ
 */
export function cosine(a: Float32Array, b: Float32Array): number {
  checkPair(a, b);
  return loadBinding().cosine(a, b);
}

/**
 * Euclidean distance of two vectors (the root is taken), from their differences: exact for near duplicates.
 *
 * @throws {EmbedlaneError} `ERR_DTYPE` if not Float32Arrays, `ERR_DIMENSION` if lengths differ
 */
export function l2(a: Float32Array, b: Float32Array): number {
  checkPair(a, b);
  return loadBinding().l2(a, b);
}

function checkPair(a: Float32Array, b: Float32Array): void {
  float32Array('a', a);
  float32Array('b', b);
  if (a.length !== b.length) {
    throw new EmbedlaneError(
      'ERR_DIMENSION',
      `Expected ${a.length} values, as in a, for b but received ${b.length}`,
    );
  }
}

/** How {@link similarity} compares. Distances are negated, so that larger always means more similar. */
export type SimilarityMetric = 'cosine' | 'dot' | 'euclidean' | 'manhattan';

export interface SimilarityOptions {
  /** @default 'cosine' */
  metric?: SimilarityMetric;
}

export const SIMILARITY_METRICS = ['cosine', 'dot', 'euclidean', 'manhattan'] as const;
export const NATIVE_METRICS = { cosine: 'cosine', dot: 'dot', euclidean: 'l2', manhattan: 'l1' } as const;

/**
 * Compares every row of `a` with every row of `b`: the similarity functions of sentence-transformers.
 *
 * Works on the calling thread; for the best few of many rows use `topK`.
 *
 * @returns a matrix of `a.rows × b.rows` scores; distances are negated
 * @throws {EmbedlaneError} `ERR_DTYPE`, `ERR_DIMENSION` or `ERR_INVALID_ARG` for matrices or options that do
 * not fit
 */
export function similarity(a: MatrixLike, b: MatrixLike, options?: SimilarityOptions): Matrix {
  const left = matrixArgument('a', a);
  const right = matrixArgument('b', b);
  const { metric = 'cosine' } = optionsObject('options', options, ['metric']);
  oneOf('options.metric', metric, SIMILARITY_METRICS);
  requireSameDims('a', left, 'b', right);
  const data = allocateFloats(left.rows * right.rows);
  if (data.length > 0) loadBinding().matrix(NATIVE_METRICS[metric], left.data, right.data, left.dims, data);
  if (metric === 'euclidean' || metric === 'manhattan') {
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
