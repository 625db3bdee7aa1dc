/** hnswlib-node's brute force: native, one query and one thread at a time; queries are arrays of numbers. */
import hnswlib from 'hnswlib-node';
import { KBest } from '../lib/kbest.mjs';
import { serveTopK } from '../lib/serve-topk.mjs';

const SPACE = { cosine: 'cosine', dot: 'ip' };

let indexes;

serveTopK({
  prepare(data, dims) {
    const rows = data.length / dims;
    indexes = Object.fromEntries(
      Object.entries(SPACE).map(([metric, space]) => {
        const index = new hnswlib.BruteforceSearch(space, dims);
        index.initIndex(rows);
        return [metric, index];
      }),
    );
    for (let row = 0; row < rows; row++) {
      const values = Array.from(data.subarray(row * dims, (row + 1) * dims));
      for (const index of Object.values(indexes)) index.addPoint(values, row);
    }
  },
  search({ queries, rows, dims, k, metric }) {
    const best = new KBest(rows, k);
    for (let query = 0; query < rows; query++) {
      const values = Array.from(queries.subarray(query * dims, (query + 1) * dims));
      const { neighbors, distances } = indexes[metric].searchKnn(values, k);
      // Both of its distances are 1 − similarity. Best first, so that equal ones keep its order.
      neighbors.forEach((row, i) => {
        best.offer(query, row, 1 - distances[i]);
      });
    }
    return best;
  },
});
