export type { SimilarityFunction } from './config/index.js';
export type { DecodeOptions, EncodeOptions, EncodeStreamOptions, LoadOptions } from './options.js';
export type { EncodePrecision } from './quantization.js';
export { TextEmbedder } from './text-embedder.js';
export type { Tokenized } from './tokenize-job.js';
