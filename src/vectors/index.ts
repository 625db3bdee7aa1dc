export { Embeddings, type Matrix, type MatrixLike, type Precision } from '../core/embeddings.js';
export { EmbedlaneError, type ErrorCode } from '../core/errors.js';
export type { Dtype, Metric, SimdLevel } from '../native/binding.js';
export type { ScoredPair } from './analytics/best-pairs.js';
export { type CommunityDetectionOptions, communityDetection } from './analytics/community-detection.js';
export { type KMeansOptions, type KMeansResult, kMeans } from './analytics/k-means.js';
export { type MarginalRelevanceOptions, maximalMarginalRelevance } from './analytics/marginal-relevance.js';
export { pairwiseSimilarity } from './analytics/pairwise.js';
export { type ParaphraseMiningOptions, paraphraseMining } from './analytics/paraphrase-mining.js';
export { PCA, type PcaFitOptions, type PcaParts } from './analytics/pca.js';
export { type FusedHit, type RankFusionOptions, reciprocalRankFusion } from './analytics/rank-fusion.js';
export {
  type Corpus,
  type SemanticHit,
  type SemanticSearchOptions,
  semanticSearch,
} from './analytics/semantic-search.js';
export {
  type BitSimilarityMetric,
  cosine,
  dot,
  hamming,
  jaccard,
  l2,
  normalize,
  type PairOptions,
  type SimilarityMetric,
  type SimilarityOptions,
  similarity,
} from './distances.js';
export type { Vector, VectorMatrix } from './elements.js';
export {
  calibrationRanges,
  type DequantizeOptions,
  dequantize,
  type QuantizationRanges,
  type QuantizeOptions,
  quantize,
} from './quantize.js';
export { dequantizeScaled, quantizeScaled, type ScaledEmbeddings } from './scaled.js';
export { type SimdInfo, simd } from './simd.js';
export {
  type Hit,
  TopK,
  type TopKMetric,
  type TopKOptions,
  type TopKSyncOptions,
  topK,
  topKSync,
} from './topk.js';
export { type TruncateOptions, truncate } from './truncate.js';
