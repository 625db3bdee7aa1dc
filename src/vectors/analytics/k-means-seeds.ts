import { Embeddings } from '../../core/embeddings.js';
import type { Pace } from '../../core/pace.js';
import { loadBinding } from '../../native/load.js';
import type { CheckedMatrix } from '../matrix.js';

/** Rows among which centroids are sought, at least; more where there are many clusters. */
const SAMPLE = 16_384;
const SAMPLE_PER_CLUSTER = 32;
/** Values compared between two looks at the event loop: half a millisecond. */
const SLICE = 4_000_000;

/**
 * Chooses rows that lie far apart: each next one with a probability in proportion to its squared distance from the
 * nearest one chosen so far (k-means++, Arthur and Vassilvitskii 2007). Large matrices are sampled.
 */
export async function chooseCentroids(
  matrix: CheckedMatrix,
  clusters: number,
  seed: number,
  threads: number,
  pace: Pace,
): Promise<Embeddings> {
  const random = mulberry32(seed);
  const { data, rows, dims } = sample(matrix, Math.max(SAMPLE, SAMPLE_PER_CLUSTER * clusters), random);
  const row = (index: number) => data.subarray(index * dims, (index + 1) * dims);
  const centroids = new Float32Array(clusters * dims);
  const nearest = new Float64Array(rows).fill(Number.POSITIVE_INFINITY);
  const distances = new Float32Array(rows);
  const step = Math.max(1, Math.floor(SLICE / dims));

  let chosen = Math.floor(random() * rows);
  for (let c = 0; c < clusters; c++) {
    centroids.set(row(chosen), c * dims);
    let total = 0;
    for (let from = 0; from < rows; from += step) {
      const to = Math.min(from + step, rows);
      const part = data.subarray(from * dims, to * dims);
      loadBinding().matrix('l2', row(chosen), part, dims, distances.subarray(from, to), 'f32', threads);
      for (let i = from; i < to; i++) {
        nearest[i] = Math.min(nearest[i], distances[i] ** 2);
        total += nearest[i];
      }
      if (pace.due) await pace.turn();
    }
    chosen = pick(nearest, random() * total);
  }
  return new Embeddings(centroids, clusters, dims);
}

/** The index at which the running sum passes `target`. */
function pick(weights: Float64Array, target: number): number {
  let sum = 0;
  for (let i = 0; i < weights.length; i++) {
    sum += weights[i];
    if (sum > target) return i;
  }
  // All rows are copies of chosen ones, or rounding left the target at the very end.
  return weights.length - 1;
}

/** `size` different rows (selection sampling, Knuth's algorithm S), or the matrix itself where it has no more. */
function sample(matrix: CheckedMatrix, size: number, random: () => number): CheckedMatrix {
  const { data, rows, dims } = matrix;
  if (rows <= size) return matrix;
  const picked = new Float32Array(size * dims);
  for (let row = 0, kept = 0; kept < size; row++) {
    if (random() * (rows - row) >= size - kept) continue;
    picked.set(data.subarray(row * dims, (row + 1) * dims), kept++ * dims);
  }
  return { data: picked, rows: size, dims };
}

/** A small seeded generator of numbers in [0, 1) (mulberry32). */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
