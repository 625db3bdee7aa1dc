import { throwIfAborted } from '../../core/abort.js';
import type { MatrixLike } from '../../core/embeddings.js';
import { invalidArgument } from '../../core/errors.js';
import { Pace } from '../../core/pace.js';
import { integer, oneOf, optionsObject } from '../../core/validate.js';
import type { Metric } from '../../native/binding.js';
import { type CheckedMatrix, matrixArgument } from '../matrix.js';
import { topK } from '../topk.js';
import { QUERY_CHUNK, rowChunks } from './row-chunks.js';
import { checkSearch, SEARCH_OPTIONS, type SearchOptions } from './search-options.js';

export interface SemanticSearchOptions extends SearchOptions {
  /** How many hits per query; fewer where the corpus is smaller. @default 10 */
  k?: number;
  /** As in `topK`: `'cosine'` and `'dot'` best first = largest, `'l2'` = smallest. @default 'cosine' */
  metric?: Metric;
}

/** One row of the corpus that a query found. */
export interface SemanticHit {
  /** Index of the row, counted over all parts of the corpus. */
  corpusId: number;
  score: number;
}

/** A corpus in one piece, or in parts that need not be in memory together. */
export type Corpus = MatrixLike | Iterable<MatrixLike> | AsyncIterable<MatrixLike>;

const METRICS = ['cosine', 'dot', 'l2'] as const;

/**
 * The best `k` rows of a corpus for each query: `util.semantic_search` of sentence-transformers.
 *
 * The corpus may come in parts (an array, a generator, an async iterable): each is searched as it arrives and then let
 * go, so a corpus larger than memory can be searched.
 *
 * @returns one list of hits per query, best first, ties by lowest `corpusId`
 * @throws {EmbedlaneError} `ERR_DTYPE`, `ERR_DIMENSION` or `ERR_INVALID_ARG` for arguments that do not fit,
 * `ERR_ABORTED` if the signal fires
 */
export async function semanticSearch(
  queries: MatrixLike,
  corpus: Corpus,
  options: SemanticSearchOptions = {},
): Promise<SemanticHit[][]> {
  const known = optionsObject('options', options, ['k', 'metric', ...SEARCH_OPTIONS]);
  const { signal, threads } = checkSearch(known);
  const k = integer('options.k', known.k ?? 10, 1, 2 ** 32 - 1);
  const metric = oneOf('options.metric', known.metric ?? 'cosine', METRICS);
  const checked = matrixArgument('queries', queries);
  throwIfAborted(signal);

  const pace = new Pace(signal);
  const hits: SemanticHit[][] = Array.from({ length: checked.rows }, () => []);
  const sign = metric === 'l2' ? -1 : 1;
  let offset = 0;
  for await (const part of parts(corpus)) {
    for (const chunk of rowChunks(checked, QUERY_CHUNK)) {
      const found = await topK(chunk, part, { k, metric, threads, signal });
      for (let row = 0; row < found.rows; row++) {
        const query = chunk.start + row;
        const more = found.get(row).map(({ index, score }) => ({ corpusId: offset + index, score }));
        hits[query] = offset === 0 ? more : merge(hits[query], more, sign, k);
        if (pace.due) await pace.turn();
      }
    }
    offset += part.rows;
  }
  return hits;
}

async function* parts(corpus: Corpus): AsyncGenerator<CheckedMatrix> {
  if (corpus === null || typeof corpus !== 'object') throw invalidArgument('corpus', 'a matrix', corpus);
  // An Embeddings is iterable too, over its rows.
  if ('data' in corpus || !(Symbol.iterator in corpus || Symbol.asyncIterator in corpus)) {
    yield matrixArgument('corpus', corpus as MatrixLike);
    return;
  }
  let index = 0;
  for await (const part of corpus) yield matrixArgument(`corpus[${index++}]`, part);
}

/** Merges two lists, each best first; `b` holds the later rows. NaN, which is behind every number, stays behind. */
function merge(a: SemanticHit[], b: SemanticHit[], sign: number, k: number): SemanticHit[] {
  const merged: SemanticHit[] = [];
  for (let i = 0, j = 0; merged.length < k && (i < a.length || j < b.length); ) {
    const takeB =
      j < b.length &&
      (i >= a.length ||
        sign * b[j].score > sign * a[i].score ||
        (Number.isNaN(a[i].score) && !Number.isNaN(b[j].score)));
    merged.push(takeB ? b[j++] : a[i++]);
  }
  return merged;
}
