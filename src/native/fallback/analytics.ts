import type { NativeTask } from '../binding.js';
import { dotSum } from './kernels.js';
import { runInSlices, SLICE } from './slices.js';

/** Sums the rows of each group, as native/analytics/group_sums.h describes. */
export function groupSums(
  data: Float32Array,
  dims: number,
  groups: Uint32Array,
  _groupCount: number,
  _threads: number,
  sums: Float64Array,
): NativeTask {
  const slice = Math.ceil(SLICE / dims);
  return runInSlices(steps());

  function* steps(): Generator<undefined, void> {
    for (let row = 0; row < groups.length; row++) {
      const to = groups[row] * dims;
      for (let d = 0; d < dims; d++) sums[to + d] += data[row * dims + d];
      if ((row + 1) % slice === 0) yield;
    }
  }
}

// Native code divides the work in the same way: the order of the sums is part of the result.
const BLOCK_ROWS = 512;
const PARTS = 8;
const WIDE = 1024;

/** The scatter matrix, as native/analytics/covariance.h describes. */
export function scatterMatrix(
  data: Float32Array,
  dims: number,
  mean: Float64Array,
  _threads: number,
  scatter: Float64Array,
): NativeTask {
  const rows = data.length / dims;
  const blocks = Math.ceil(rows / BLOCK_ROWS);
  const parts = Math.min(blocks, dims > WIDE ? 2 : PARTS);
  return runInSlices(steps());

  function* steps(): Generator<undefined, void> {
    for (let part = 0; part < parts; part++) {
      const sums = new Float64Array(dims * dims);
      const end = Math.floor(((part + 1) * blocks) / parts);
      for (let block = Math.floor((part * blocks) / parts); block < end; block++) {
        yield* addBlock(block * BLOCK_ROWS, sums);
      }
      for (let i = 0; i < sums.length; i++) scatter[i] += sums[i];
    }
    for (let i = 0; i < dims; i++) {
      for (let j = 0; j < i; j++) scatter[i * dims + j] = scatter[j * dims + i];
    }
  }

  function* addBlock(from: number, sums: Float64Array): Generator<undefined, void> {
    const count = Math.min(BLOCK_ROWS, rows - from);
    const columns = new Float32Array(dims * count);
    for (let row = 0; row < count; row++) {
      for (let d = 0; d < dims; d++) columns[d * count + row] = data[(from + row) * dims + d] - mean[d];
    }
    let work = columns.length;
    for (let i = 0; i < dims; i++) {
      for (let j = i; j < dims; j++)
        sums[i * dims + j] += dotSum(columns, i * count, columns, j * count, count);
      work += (dims - i) * count;
      if (work < SLICE) continue;
      work = 0;
      yield;
    }
  }
}
