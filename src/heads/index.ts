export {
  CrossEncoder,
  type CrossEncoderActivation,
  type PredictOptions,
  type RankOptions,
} from './cross-encoder.js';
export {
  LateInteractionEmbedder,
  type LateInteractionEncodeOptions,
  type LateInteractionRankOptions,
} from './late-interaction-embedder.js';
export type { CallOptions, HeadLoadOptions } from './load.js';
export { M3Embedder, type M3Embeddings, type M3Scores, type M3Weights } from './m3-embedder.js';
export type { RankedDocument } from './ranking.js';
export type { SparseVector } from './sparse.js';
export { SparseEmbedder, type SparseEncodeOptions } from './sparse-embedder.js';
