import type { Embedder } from '../core/embedder.js';
import { invalidArgument } from '../core/errors.js';
import type { RankedDocument } from '../heads/index.js';

/** Sorts documents by how well they answer a query: `CrossEncoder`, `LateInteractionEmbedder`. */
export interface Reranker {
  readonly modelId: string;
  rank(
    query: string,
    documents: readonly string[],
    options?: { topK?: number; signal?: AbortSignal },
  ): Promise<RankedDocument[]>;
}

/** @throws {EmbedlaneError} `ERR_INVALID_ARG` for what does not embed */
export function checkEmbedder(value: unknown): Embedder {
  const { encode, encodeQuery, encodeDocument } = (value ?? {}) as Partial<Embedder>;
  if ([encode, encodeQuery, encodeDocument].every((method) => typeof method === 'function'))
    return value as Embedder;
  throw invalidArgument('embedder', 'a TextEmbedder or another Embedder', value);
}

/** @throws {EmbedlaneError} `ERR_INVALID_ARG` for what does not rank */
export function checkReranker(value: unknown): Reranker {
  if (typeof ((value ?? {}) as Partial<Reranker>).rank === 'function') return value as Reranker;
  throw invalidArgument('reranker', 'a CrossEncoder or another model with rank()', value);
}
