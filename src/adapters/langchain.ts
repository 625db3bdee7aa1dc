import { integer, optionsObject } from '../core/validate.js';
import { checkReranker, type Reranker } from './models.js';

/** Options of {@link langChainCompressor}. */
export interface LangChainCompressorOptions {
  /** How many of the best documents to keep. Default 3, as LangChain's own rerankers. */
  topN?: number;
}

/** What LangChain's documents have. */
interface DocumentLike {
  pageContent: string;
  // biome-ignore lint/suspicious/noExplicitAny: LangChain's own type of metadata
  metadata: Record<string, any>;
  id?: string;
}

const TOP_N = 3;
const MOST = 2 ** 32 - 1;

/**
 * A reranker for LangChain.js, as `baseCompressor` of `ContextualCompressionRetriever` for example. The score is in
 * the documents' metadata as `relevanceScore`.
 *
 * Embedders need no adapter: each has `embedDocuments` and `embedQuery`, which is what LangChain.js takes.
 *
 * @throws {EmbedlaneError} `ERR_INVALID_ARG`
 */
export function langChainCompressor(
  reranker: Reranker,
  options?: LangChainCompressorOptions,
): { compressDocuments<D extends DocumentLike>(documents: D[], query: string): Promise<D[]> } {
  const model = checkReranker(reranker);
  const given = optionsObject<LangChainCompressorOptions>('options', options, ['topN']);
  const topK = integer('topN', given.topN ?? TOP_N, 1, MOST);
  return {
    async compressDocuments(documents, query) {
      const texts = documents.map(({ pageContent }) => pageContent);
      const ranked = await model.rank(query, texts, { topK });
      return ranked.map(({ corpusId, score }) => {
        const document = documents[corpusId];
        // A copy of the same class: the caller's own documents stay as they are.
        const copy = Object.assign(Object.create(Object.getPrototypeOf(document)), document);
        copy.metadata = { ...document.metadata, relevanceScore: score };
        return copy;
      });
    },
  };
}
