import { concatFloats } from '../core/concat.js';
import { Embeddings, type MatrixLike } from '../core/embeddings.js';
import { normalize } from '../vectors/index.js';

/** Frames of one film, embedded: a row each, and how often it counts. */
export interface FrameRows {
  data: Float32Array;
  dims: number;
  /** Seconds from the beginning of the film. */
  times: number[];
  counts: number[];
}

/**
 * One vector of a film's frames, in double precision.
 *
 * @param normalizeFrames divide each row by its length first
 */
export function poolFrames(
  { data, dims, counts }: FrameRows,
  pooling: 'mean' | 'max',
  normalizeFrames: boolean,
): Float32Array {
  const rows = counts.length;
  const unit = normalizeFrames ? normalize({ data, rows, dims }).data : data;
  if (pooling === 'max') {
    const out = unit.slice(0, dims) as Float32Array;
    for (let i = dims; i < unit.length; i++) out[i % dims] = Math.max(out[i % dims], unit[i]);
    return out;
  }
  const sums = new Float64Array(dims);
  for (let i = 0; i < unit.length; i++) sums[i % dims] += counts[Math.floor(i / dims)] * unit[i];
  const total = counts.reduce((sum, count) => sum + count, 0);
  return Float32Array.from(sums, (sum) => sum / total);
}

/** A row for each time that a frame counts. */
export function repeatRows({ data, dims, times, counts }: FrameRows): {
  matrix: Embeddings;
  times: number[];
} {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const out = new Float32Array(total * dims);
  const repeated: number[] = [];
  counts.forEach((count, row) => {
    for (let i = 0; i < count; i++) {
      out.set(data.subarray(row * dims, (row + 1) * dims), repeated.length * dims);
      repeated.push(times[row]);
    }
  });
  return { matrix: new Embeddings(out, total, dims), times: repeated };
}

/** Rows of several films under one another. */
export function stacked(parts: readonly MatrixLike[], dims: number): Embeddings {
  const data = concatFloats(parts.map((part) => part.data as Float32Array));
  return new Embeddings(data, data.length / dims, dims);
}
