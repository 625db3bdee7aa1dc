import { invalidArgument } from '../core/errors.js';
import { optionalBoolean, optionalInteger, textList } from '../core/validate.js';

/** Options of `rank` that say what comes back. */
export interface RankingOptions {
  /** How many documents to return. Default: all. */
  topK?: number;
  /** Return the documents' texts, too. */
  returnDocuments?: boolean;
}

export const RANKING_OPTIONS = ['topK', 'returnDocuments'] as const;

/** A document and how well it answers the query. */
export interface RankedDocument {
  /** Place in the list that was given. */
  corpusId: number;
  score: number;
  text?: string;
}

const MAX_TOP_K = 2 ** 32 - 1;

/**
 * Checks what is to be ranked.
 *
 * @throws {EmbedlaneError} `ERR_INVALID_ARG`
 */
export function checkRanking(query: unknown, documents: unknown, options: RankingOptions) {
  if (typeof query !== 'string') throw invalidArgument('query', 'a string', query);
  if (!Array.isArray(documents)) throw invalidArgument('documents', 'an array of strings', documents);
  const texts = textList('documents', documents);
  return {
    query,
    texts,
    topK: optionalInteger('topK', options.topK, 1, MAX_TOP_K) ?? texts.length,
    withText: optionalBoolean('returnDocuments', options.returnDocuments) ?? false,
  };
}

/** Best first; ties by the order of the documents. */
export function rankDocuments(
  scores: Float32Array,
  { texts, topK, withText }: Omit<ReturnType<typeof checkRanking>, 'query'>,
): RankedDocument[] {
  const order = Array.from(scores.keys()).sort((a, b) => scores[b] - scores[a] || a - b);
  return order.slice(0, topK).map((corpusId) => {
    const found = { corpusId, score: scores[corpusId] };
    return withText ? { ...found, text: texts[corpusId] } : found;
  });
}
