export {
  CrossEncoder,
  type CrossEncoderActivation,
  type PredictOptions,
  type RankedDocument,
  type RankOptions,
} from './cross-encoder.js';
export type { HeadLoadOptions } from './load.js';
export type { SparseVector } from './sparse.js';
export { SparseEmbedder, type SparseEncodeOptions } from './sparse-embedder.js';
