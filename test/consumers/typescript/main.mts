import { type Embeddings, type EmbedlaneError, FlatIndex, TextEmbedder } from 'embedlane';
import { OpenAIEmbedder } from 'embedlane/providers';
import { createServer } from 'embedlane/server';
import { simd, type TopK, topKSync } from 'embedlane/vectors';

const model: TextEmbedder = await TextEmbedder.load('all-MiniLM-L6-v2', { dtype: 'int8' });
const e: Embeddings = await model.encode(['a'], { normalize: true, onProgress: (p) => p.completed });
const top: TopK = topKSync(e, e, { k: 1, metric: 'cosine' });
const level: string = simd().level;
const code: EmbedlaneError['code'] = 'ERR_INVALID_ARG';
// @ts-expect-error a metric that does not exist
topKSync(e, e, { k: 1, metric: 'hamster' });
console.log(top.indices, level, code, FlatIndex, OpenAIEmbedder, createServer);
