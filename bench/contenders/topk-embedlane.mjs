/** embedlane's asynchronous search. */
import { simd, topK } from 'embedlane/vectors';
import { serveTopK } from '../lib/serve-topk.mjs';

let corpus;

serveTopK({
  prepare(data, dims) {
    corpus = { data, rows: data.length / dims, dims };
  },
  search: ({ queries, rows, dims, k, metric, threads }) =>
    topK({ data: queries, rows, dims }, corpus, { k, metric, threads }),
  about: () => simd(),
});
