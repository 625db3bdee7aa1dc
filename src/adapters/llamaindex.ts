import type { Embedder } from '../core/embedder.js';
import { invalidArgument } from '../core/errors.js';
import { checkEmbedder } from './models.js';

/** An abstract class, whatever its constructor's protection. */
type Abstract<T> = { prototype: T };

/** What LlamaIndex.TS's `BaseEmbedding` has of a query. */
type Query = { type: string; text?: string } | string;

/**
 * An embedding model for LlamaIndex.TS.
 *
 * @param BaseEmbedding the class of that name from `@llamaindex/core/embeddings` or `llamaindex`: it is handed over
 *   so that embedlane need not have the package among its own
 * @throws {EmbedlaneError} `ERR_INVALID_ARG`
 *
 * @example
 * import { BaseEmbedding, Settings } from 'llamaindex';
 * Settings.embedModel = llamaIndexEmbedding(BaseEmbedding, await TextEmbedder.load('all-MiniLM-L6-v2'));
 */
export function llamaIndexEmbedding<T>(BaseEmbedding: Abstract<T>, embedder: Embedder): T {
  if (typeof BaseEmbedding !== 'function') {
    throw invalidArgument('BaseEmbedding', 'the class of LlamaIndex.TS', BaseEmbedding);
  }
  const model = checkEmbedder(embedder);
  const Base = BaseEmbedding as unknown as new () => object;
  class EmbedlaneEmbedding extends Base {
    /** The model splits by itself, and better the more it sees. */
    embedBatchSize = 512;
    embedInfo = {
      ...(model.dimensions !== undefined && { dimensions: model.dimensions }),
    };

    getTextEmbeddings = (texts: string[]): Promise<number[][]> => model.embedDocuments(texts);

    async getTextEmbedding(text: string): Promise<number[]> {
      const [row] = await model.embedDocuments([text]);
      return row;
    }

    async getQueryEmbedding(query: Query): Promise<number[] | null> {
      const text = typeof query === 'string' ? query : query.text;
      return text === undefined ? null : model.embedQuery(text);
    }
  }
  return new EmbedlaneEmbedding() as T;
}
