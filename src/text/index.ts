export type { SimilarityFunction } from './config/index.js';
export type { EncodeOptions, EncodeStreamOptions, LoadOptions } from './options.js';
export { TextEmbedder } from './text-embedder.js';
export type { Tokenized } from './tokenize-job.js';
