/** usearch's exact search: native, several threads, blocks the event loop until it is done. */
import usearch from 'usearch';
import { serveTopK } from '../lib/serve-topk.mjs';

const METRIC = { cosine: usearch.MetricKind.Cos, dot: usearch.MetricKind.IP };

let corpus;

serveTopK({
  prepare(data) {
    corpus = data;
  },
  search({ queries, dims, k, metric, threads }) {
    const { keys, distances } = usearch.exactSearch(corpus, queries, dims, k, METRIC[metric], threads);
    // Both of its distances are 1 − similarity.
    return { indices: keys, scores: distances.map((distance) => 1 - distance) };
  },
});
