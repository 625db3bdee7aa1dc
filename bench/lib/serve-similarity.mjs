import { repeat } from './repeat.mjs';
import { serve } from './serve.mjs';
import { clusteredVectors } from './vectors.mjs';

/** Of all scores every so many are compared: some of each row and of each column. */
export const SAMPLE = 997;

/**
 * Serves a contender that compares every row of one matrix with every row of another.
 *
 * @param {(a: object, b: object, metric: 'cosine' | 'euclidean') => ArrayLike<number>} similarity of matrices
 *   `{ data, rows, dims }`: row-major scores
 */
export function serveSimilarity(similarity) {
  const matrices = new Map();

  function matrix(rows, dims, seed) {
    const key = `${rows} ${dims} ${seed}`;
    if (!matrices.has(key)) matrices.set(key, { data: clusteredVectors(rows, dims, seed), rows, dims });
    return matrices.get(key);
  }

  const compute = ({ a, b, dims, metric }) => similarity(matrix(a, dims, 1), matrix(b, dims, 2), metric);

  serve({
    init: () => ({}),
    sample: (job) => Float32Array.from(compute(job)).filter((_, i) => i % SAMPLE === 0),
    round: ({ seconds, ...job }) => repeat(seconds, () => compute(job)),
  });
}

/** A `similarity` that takes one pair after the other. @param scores by metric */
export function pairByPair(scores) {
  return (a, b, metric) => {
    const score = scores[metric];
    const row = ({ data, dims }, i) => data.subarray(i * dims, (i + 1) * dims);
    const columns = Array.from({ length: b.rows }, (_, j) => row(b, j));
    const out = new Float32Array(a.rows * b.rows);
    for (let i = 0; i < a.rows; i++) {
      const query = row(a, i);
      for (let j = 0; j < b.rows; j++) out[i * b.rows + j] = score(query, columns[j]);
    }
    return out;
  };
}
