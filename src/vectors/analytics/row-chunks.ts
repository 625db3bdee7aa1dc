import type { CheckedMatrix } from '../matrix.js';

/** A run of rows of a larger matrix. */
export interface RowChunk extends CheckedMatrix {
  /** Index of the first row. */
  readonly start: number;
}

/**
 * The rows of a matrix as views of at most `size` rows each: as many queries as one search takes at a time, so that
 * progress can be told, work can be stopped, and results need not all be in memory at once.
 */
export function* rowChunks({ data, rows, dims }: CheckedMatrix, size: number): Generator<RowChunk> {
  for (let start = 0; start < rows; start += size) {
    const end = Math.min(start + size, rows);
    yield { data: data.subarray(start * dims, end * dims), rows: end - start, dims, start };
  }
}

/** Queries per search: enough for the many-to-many kernels, few enough for results of a few megabytes. */
export const QUERY_CHUNK = 1024;
