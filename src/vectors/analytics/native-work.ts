import { availableParallelism } from 'node:os';
import { markAsUntransferable } from 'node:worker_threads';
import { abortError } from '../../core/abort.js';
import type { NativeTask } from '../../native/binding.js';
import { loadBinding } from '../../native/load.js';
import type { CheckedMatrix } from '../matrix.js';
import type { SearchOptions } from './search-options.js';

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

/** Σ (x − mean)(x − mean)ᵀ over the rows. Reads the matrix in place, on native threads. */
export async function scatterMatrix(
  { data, dims }: CheckedMatrix,
  mean: Float64Array,
  options: SearchOptions,
): Promise<Float64Array> {
  const scatter = new Float64Array(dims * dims);
  await run(data, options, (threads) => loadBinding().scatterMatrix(data, dims, mean, threads, scatter));
  return scatter;
}

async function run(
  data: Float32Array,
  { threads = Math.min(availableParallelism(), 128), signal }: SearchOptions,
  start: (threads: number) => NativeTask,
): Promise<void> {
  markAsUntransferable(data.buffer);
  const task = start(threads);
  signal?.addEventListener('abort', task.cancel, { once: true });
  try {
    await task.promise;
  } catch (error) {
    throw signal?.aborted ? abortError(signal) : error;
  } finally {
    signal?.removeEventListener('abort', task.cancel);
  }
}
