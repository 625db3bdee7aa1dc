/** simsimd: native distance of one pair per call, the search around it in JavaScript, one thread. */
import simsimd from 'simsimd';
import { KBest } from '../lib/kbest.mjs';
import { serveTopK } from '../lib/serve-topk.mjs';

let rowsOfCorpus;

serveTopK({
  prepare(data, dims) {
    // Making 100,000 views takes longer than a search: they are made once and not timed.
    rowsOfCorpus = Array.from({ length: data.length / dims }, (_, row) =>
      data.subarray(row * dims, (row + 1) * dims),
    );
  },
  search({ queries, rows, dims, k, metric }) {
    const best = new KBest(rows, k);
    for (let query = 0; query < rows; query++) {
      const one = queries.subarray(query * dims, (query + 1) * dims);
      for (let row = 0; row < rowsOfCorpus.length; row++) {
        const score =
          metric === 'cosine'
            ? 1 - simsimd.cosine(one, rowsOfCorpus[row])
            : simsimd.dot(one, rowsOfCorpus[row]);
        best.offer(query, row, score);
      }
    }
    return best;
  },
});
