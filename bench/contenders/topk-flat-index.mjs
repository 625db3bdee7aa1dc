/** embedlane's index, which copies the vectors into memory of its own, as faiss, hnswlib, LanceDB and sqlite-vec do. */
import { FlatIndex } from 'embedlane';
import { simd } from 'embedlane/vectors';
import { serveTopK } from '../lib/serve-topk.mjs';

const indexes = new Map();

serveTopK({
  prepare(data, dims) {
    for (const metric of ['dot', 'cosine']) {
      const index = new FlatIndex({ dims, metric });
      index.add({ data, rows: data.length / dims, dims });
      indexes.set(metric, index);
    }
  },
  async search({ queries, rows, dims, k, metric, threads }) {
    const { ids, scores } = await indexes.get(metric).search({ data: queries, rows, dims }, { k, threads });
    return { indices: ids, scores };
  },
  about: () => simd(),
});
