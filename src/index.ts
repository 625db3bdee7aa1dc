export {
  type AudioDecoderOptions,
  AudioEmbedder,
  type AudioEncodeOptions,
  type AudioInput,
  type AudioLoadOptions,
  type AudioStreamOptions,
  type AudioStreamWindow,
  type AudioVectorOptions,
  type AudioWindows,
  type PcmPiece,
} from './audio/index.js';
export {
  type ClapAudioOptions,
  ClapEmbedder,
  type ClapLoadOptions,
  type ClapStreamOptions,
} from './clap/index.js';
export {
  ClipEmbedder,
  type ClipLoadOptions,
  type ClipTextOptions,
  type ZeroShotOptions,
} from './clip/index.js';
export type { Embedder, EmbedOptions } from './core/embedder.js';
export { Embeddings, type Matrix, type MatrixLike, type Precision } from './core/embeddings.js';
export { EmbedlaneError, type ErrorCode } from './core/errors.js';
export type { OnProgress, Progress } from './core/progress.js';
export {
  type CallOptions,
  CrossEncoder,
  type CrossEncoderActivation,
  type HeadLoadOptions,
  LateInteractionEmbedder,
  type LateInteractionEncodeOptions,
  type LateInteractionRankOptions,
  M3Embedder,
  type M3Embeddings,
  type M3Scores,
  type M3Weights,
  type PredictOptions,
  type RankedDocument,
  type RankOptions,
  SparseEmbedder,
  type SparseEncodeOptions,
  type SparseVector,
} from './heads/index.js';
export type { DownloadProgress, Dtype, HubOptions } from './hub/index.js';
export {
  type Classification,
  type ClassifyOptions,
  ImageEmbedder,
  ImageEmbeddings,
  type ImageEncodeOptions,
  type ImageEncodeStreamOptions,
  type ImageInput,
  type ImageLoadOptions,
  type ImagePooling,
  type RawImage,
  type SkippedImage,
} from './image/index.js';
export {
  type Accelerate,
  type Filter,
  FlatIndex,
  type FlatIndexOpenOptions,
  type FlatIndexOptions,
  type Id,
  IdSet,
  type IndexDtype,
  type IndexHit,
  type IndexMetric,
  type IndexRangeOptions,
  type IndexRangeSyncOptions,
  type IndexRow,
  type IndexSearchOptions,
  type IndexSearchSyncOptions,
  type IndexStats,
  type PackedRows,
  type ReadVectorsOptions,
  type RowsLike,
  readVectors,
  SearchResult,
  type VectorFileFormat,
  type WriteVectorsOptions,
  writeVectors,
} from './index/index.js';
export type { PoolingMode } from './native/binding.js';
export type { CacheStats, Device, Priority, RuntimeStats } from './runtime/index.js';
export {
  type MostSimilarQuery,
  type SimilarWord,
  StaticEmbedder,
  type StaticEncodeOptions,
  type StaticLibrary,
  type StaticLoadOptions,
  type WordVectorFormat,
  WordVectors,
  type WordVectorsLoadOptions,
} from './static/index.js';
export {
  type Chunk,
  ChunkEmbeddings,
  type ChunkingOptions,
  type ChunkOptions,
  type ChunkPool,
  type ChunkTextOptions,
  type DecodeOptions,
  type EncodeOptions,
  type EncodePrecision,
  type EncodeStreamOptions,
  type LoadOptions,
  type SimilarityFunction,
  TextEmbedder,
  type Tokenized,
} from './text/index.js';
export {
  type FrameSampling,
  type VideoClassifyOptions,
  VideoEmbedder,
  type VideoEncodeOptions,
  type VideoFrames,
  type VideoInput,
  type VideoLoadOptions,
  type VideoMoment,
  type VideoSearchOptions,
  type VideoVectorOptions,
} from './video/index.js';
