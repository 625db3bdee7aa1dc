import { markAsUntransferable } from 'node:worker_threads';
import { abortError } from '../../core/abort.js';
import { EmbedlaneError } from '../../core/errors.js';
import type { NativeTask } from '../../native/binding.js';
import { loadBinding } from '../../native/load.js';
import type { CheckedMatrix } from '../matrix.js';
import { type SearchOptions, threadsOf } from './search-options.js';

/** Σ of the rows of each group, row-major `[groupCount, dims]`. Reads the matrix in place, on native threads. */
export async function groupSums(
  { data, dims }: CheckedMatrix,
  groups: Uint32Array,
  groupCount: number,
  options: SearchOptions,
): Promise<Float64Array> {
  const sums = new Float64Array(groupCount * dims);
  await run(data, options, (threads) =>
    loadBinding().groupSums(data, dims, groups, groupCount, threads, sums),
  );
  return sums;
}

/**
 * Σ (x − mean)(x − mean)ᵀ over the rows. Reads the matrix in place, on native threads.
 *
 * @throws {EmbedlaneError} `ERR_INVALID_ARG` if a difference from the mean is beyond float32, in which it is kept
 */
export async function scatterMatrix(
  { data, dims }: CheckedMatrix,
  mean: Float64Array,
  options: SearchOptions,
): Promise<Float64Array> {
  const scatter = new Float64Array(dims * dims);
  await run(data, options, (threads) => loadBinding().scatterMatrix(data, dims, mean, threads, scatter));
  for (let d = 0; d < dims; d++) {
    if (Number.isFinite(scatter[d * dims + d])) continue;
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      'Expected values for embeddings whose differences from their mean are within float32',
    );
  }
  return scatter;
}

/** Eigenvalues and unit eigenvectors of a symmetric matrix, by falling value. */
export interface Eigen {
  /** All `n`. */
  values: Float64Array;
  /** Of the largest, row-major `[count, n]`; signs are arbitrary. */
  vectors: Float64Array;
}

/** The `count` largest eigenvalues' vectors of a symmetric `[n, n]` matrix, which it overwrites. On one native thread. */
export async function symmetricEigen(
  matrix: Float64Array,
  n: number,
  count: number,
  options: SearchOptions,
): Promise<Eigen> {
  const values = new Float64Array(n);
  const vectors = new Float64Array(count * n);
  await run(matrix, options, () => loadBinding().symmetricEigen(matrix, values, vectors));
  if (Number.isNaN(values[0])) {
    throw new EmbedlaneError('ERR_RUNTIME', `Eigenvalues of a matrix of ${n} rows did not converge`);
  }
  return { values, vectors };
}

async function run(
  data: Float32Array | Float64Array,
  options: SearchOptions,
  start: (threads: number) => NativeTask,
): Promise<void> {
  markAsUntransferable(data.buffer);
  const { signal } = options;
  const task = start(threadsOf(options));
  signal?.addEventListener('abort', task.cancel, { once: true });
  try {
    await task.promise;
  } catch (error) {
    throw signal?.aborted ? abortError(signal) : error;
  } finally {
    signal?.removeEventListener('abort', task.cancel);
  }
}
