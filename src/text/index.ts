export { type Chunk, ChunkEmbeddings } from './chunking/chunk-embeddings.js';
export type { ChunkingOptions, ChunkOptions, ChunkPool } from './chunking/options.js';
export type { SimilarityFunction } from './config/index.js';
export { textModelFiles } from './load.js';
export type {
  ChunkTextOptions,
  DecodeOptions,
  EncodeOptions,
  EncodeStreamOptions,
  LoadOptions,
} from './options.js';
export { type CaseReport, compareWithGolden, type ParityReport, type Tolerance } from './parity/compare.js';
export { type Golden, type GoldenCase, readGolden } from './parity/golden.js';
export type { EncodePrecision } from './quantization.js';
export { TextEmbedder } from './text-embedder.js';
export type { Tokenized } from './tokenize-job.js';
