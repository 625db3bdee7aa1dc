export { Embeddings, type Matrix, type MatrixLike } from '../core/embeddings.js';
export { EmbedlaneError, type ErrorCode } from '../core/errors.js';
export type { Metric, SimdLevel } from '../native/binding.js';
export {
  cosine,
  dot,
  l2,
  normalize,
  type SimilarityMetric,
  type SimilarityOptions,
  similarity,
} from './distances.js';
export { type SimdInfo, simd } from './simd.js';
export { type Hit, TopK, type TopKOptions, type TopKSyncOptions, topK, topKSync } from './topk.js';
