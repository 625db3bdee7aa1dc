export {
  type AiSdkEmbeddingModel,
  type AiSdkOptions,
  type AiSdkRerankingModel,
  aiSdkEmbeddingModel,
  aiSdkRerankingModel,
} from './ai-sdk.js';
export {
  type ChromaEmbeddingFunction,
  type ChromaSparseEmbeddingFunction,
  chromaEmbeddingFunction,
  chromaSparseEmbeddingFunction,
} from './chroma.js';
export { type LanceDbOptions, lanceDbEmbeddingFunction } from './lancedb.js';
export { type LangChainCompressorOptions, langChainCompressor } from './langchain.js';
export { llamaIndexEmbedding } from './llamaindex.js';
export type { Reranker } from './models.js';
