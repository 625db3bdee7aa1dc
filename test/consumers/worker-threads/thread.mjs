import { parentPort } from 'node:worker_threads';
import { TextEmbedder } from 'embedlane';
import { simd } from 'embedlane/vectors';

if (simd().backend !== 'native') throw new Error('The addon was not loaded');
const model = await TextEmbedder.load('all-MiniLM-L6-v2', { dtype: 'int8' });
parentPort.postMessage((await model.encode(['a kitten', 'a cat'])).data);
await model.close();
