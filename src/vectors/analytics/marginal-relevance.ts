import type { MatrixLike } from '../../core/embeddings.js';
import { EmbedlaneError, invalidArgument } from '../../core/errors.js';
import { finiteNumber, float32Array, integer, optionsObject } from '../../core/validate.js';
import { loadBinding } from '../../native/load.js';
import { matrixArgument } from '../matrix.js';
import type { Hit } from '../topk.js';
import { type SimilarityKind, similarityKind } from './search-options.js';

export interface MarginalRelevanceOptions {
  /** How many candidates to choose; all if there are fewer. @default 4 */
  k?: number;
  /** 1 asks for relevance only, 0 for diversity only. @default 0.5 */
  lambda?: number;
  /** @default 'cosine' */
  metric?: SimilarityKind;
}

/**
 * Chooses candidates that are near the query and unlike each other: maximal marginal relevance (Carbonell and
 * Goldstein, SIGIR 1998). Each step takes the candidate with the largest
 * lambda · sim(query, c) − (1 − lambda) · max over those chosen of sim(c, chosen).
 *
 * Works on the calling thread, k × candidates comparisons: hand it the hits of a search, not the corpus.
 *
 * @param query one vector
 * @param candidates vectors to choose from
 * @returns chosen candidates in the order of choice, with their similarity to the query; ties by lowest index
 * @throws {EmbedlaneError} `ERR_DTYPE`, `ERR_DIMENSION` or `ERR_INVALID_ARG` for arguments that do not fit
 */
export function maximalMarginalRelevance(
  query: Float32Array,
  candidates: MatrixLike,
  options?: MarginalRelevanceOptions,
): Hit[] {
  const vector = float32Array('query', query);
  const { data, rows, dims } = matrixArgument('candidates', candidates);
  const known = optionsObject('options', options, ['k', 'lambda', 'metric']);
  const k = integer('options.k', known.k ?? 4, 1, 2 ** 32 - 1);
  const lambda = finiteNumber('options.lambda', known.lambda ?? 0.5);
  if (lambda < 0 || lambda > 1) throw invalidArgument('options.lambda', 'a number between 0 and 1', lambda);
  const metric = similarityKind(known.metric ?? 'cosine');
  if (rows > 0 && vector.length !== dims) {
    throw new EmbedlaneError(
      'ERR_DIMENSION',
      `Expected ${dims} values, as in candidates, for query but received ${vector.length}`,
    );
  }

  const binding = loadBinding();
  const relevance = new Float32Array(rows);
  const similarity = new Float32Array(rows);
  // The similarity to the nearest candidate chosen so far; before the first choice only relevance counts.
  const redundancy = new Float32Array(rows);
  if (rows > 0) binding.scores(metric, vector, data, relevance);
  const left = new Set(relevance.keys());
  const chosen: Hit[] = [];
  while (chosen.length < k && left.size > 0) {
    const best = bestOf(left, (row) =>
      chosen.length === 0 ? relevance[row] : lambda * relevance[row] - (1 - lambda) * redundancy[row],
    );
    left.delete(best);
    chosen.push({ index: best, score: relevance[best] });
    binding.scores(metric, data.subarray(best * dims, (best + 1) * dims), data, similarity);
    for (const row of left) {
      redundancy[row] = chosen.length === 1 ? similarity[row] : Math.max(redundancy[row], similarity[row]);
    }
  }
  return chosen;
}

/** The row with the largest value, the first of equal ones; NaN loses to every number. */
function bestOf(rows: Iterable<number>, value: (row: number) => number): number {
  let best = -1;
  let most = Number.NaN;
  for (const row of rows) {
    const now = value(row);
    if (best < 0 || now > most || (Number.isNaN(most) && !Number.isNaN(now))) {
      best = row;
      most = now;
    }
  }
  return best;
}
