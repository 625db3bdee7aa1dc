import { Worker } from 'node:worker_threads';
import { FlatIndex, TextEmbedder } from 'embedlane';
import { simd, topKSync } from 'embedlane/vectors';

// Several threads, each with the addon and a model of its own, beside the main thread's.
const main = await TextEmbedder.load('all-MiniLM-L6-v2', { dtype: 'int8' });
const answers = await Promise.all(
  [1, 2].map(
    () =>
      new Promise((resolve, reject) => {
        const worker = new Worker(new URL('./thread.mjs', import.meta.url));
        worker.once('message', resolve);
        worker.once('error', reject);
      }),
  ),
);
const own = await main.encode(['a kitten', 'a cat']);
await main.close();
const index = new FlatIndex({ dims: own.dims });
index.add(own);
const same = answers.every((data) => data.every((value, i) => value === own.data[i]));
console.log(
  own.dims,
  topKSync(own, own, { k: 1 }).get(1)[0].index,
  same && index.size === 2 ? simd().backend : 'different',
);
index.close();
