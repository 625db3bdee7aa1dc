import {
  type CallOptions,
  type Device,
  type Embeddings,
  type EmbedlaneError,
  FlatIndex,
  TextEmbedder,
} from 'embedlane';
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
// Emitting declarations fails (TS2742) where an inferred type has a name that the package does not export.
export const stats = model.stats();
export const { cache } = stats;
export const device: Device = 'cpu';
export const call: CallOptions = { timeout: 1000 };
