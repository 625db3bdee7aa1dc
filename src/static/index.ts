export type { StaticLibrary } from './config.js';
export type { StaticEncodeOptions, StaticLoadOptions } from './options.js';
export { StaticEmbedder } from './static-embedder.js';
export { isWordVectorFile, type WordVectorFormat } from './word-vector-file.js';
export {
  type MostSimilarQuery,
  type SimilarWord,
  WordVectors,
  type WordVectorsLoadOptions,
} from './word-vectors.js';
