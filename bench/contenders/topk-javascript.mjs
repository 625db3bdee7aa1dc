/** Plain JavaScript: one pass, four sums so that the compiler can overlap the additions, insertion into a list. */
import { KBest } from '../lib/kbest.mjs';
import { serveTopK } from '../lib/serve-topk.mjs';

let corpus;
let inverseNorms;

function dot(a, from, b, start, dims) {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let i = 0;
  for (; i + 3 < dims; i += 4) {
    s0 += a[from + i] * b[start + i];
    s1 += a[from + i + 1] * b[start + i + 1];
    s2 += a[from + i + 2] * b[start + i + 2];
    s3 += a[from + i + 3] * b[start + i + 3];
  }
  for (; i < dims; i++) s0 += a[from + i] * b[start + i];
  return s0 + s1 + (s2 + s3);
}

serveTopK({
  prepare(data, dims) {
    corpus = data;
    // Anybody who writes this loop computes the norms once, so they are not part of the measurement.
    inverseNorms = Float64Array.from(
      { length: data.length / dims },
      (_, row) => 1 / Math.sqrt(dot(data, row * dims, data, row * dims, dims)),
    );
  },
  search({ queries, rows, dims, k, metric }) {
    const best = new KBest(rows, k);
    const count = corpus.length / dims;
    for (let query = 0; query < rows; query++) {
      const from = query * dims;
      const scale = metric === 'cosine' ? 1 / Math.sqrt(dot(queries, from, queries, from, dims)) : 1;
      for (let row = 0; row < count; row++) {
        const product = dot(queries, from, corpus, row * dims, dims);
        best.offer(query, row, metric === 'cosine' ? product * scale * inverseNorms[row] : product);
      }
    }
    return best;
  },
});
