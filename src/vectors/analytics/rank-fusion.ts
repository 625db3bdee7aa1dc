import { EmbedlaneError, invalidArgument } from '../../core/errors.js';
import { finiteNumber, optionsObject } from '../../core/validate.js';

export interface RankFusionOptions {
  /**
   * How little the first places count over the later ones: a hit at place r (from 1) earns 1 / (rankConstant + r).
   *
   * @default 60
   */
  rankConstant?: number;
  /** Weight of each ranking. @default 1 for each */
  weights?: readonly number[];
}

/** An item and the sum of what its places earned. */
export interface FusedHit<Id> {
  id: Id;
  score: number;
}

/**
 * Merges several rankings of the same items into one, by places and not by scores, which are rarely comparable:
 * reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009). For hybrid search over vectors and words.
 *
 * @param rankings lists of ids (compared as `Map` does), each best first; a repeated id counts where it comes first
 * @returns every id once, best first; equal scores in the order in which they were met
 * @throws {EmbedlaneError} `ERR_INVALID_ARG` for rankings or options that do not fit
 */
export function reciprocalRankFusion<Id>(
  rankings: readonly Iterable<Id>[],
  options?: RankFusionOptions,
): FusedHit<Id>[] {
  if (!Array.isArray(rankings)) throw invalidArgument('rankings', 'an array of rankings', rankings);
  for (const [i, ranking] of rankings.entries()) {
    if (ranking === null || typeof ranking !== 'object' || !(Symbol.iterator in ranking)) {
      throw invalidArgument(`rankings[${i}]`, 'a list of ids', ranking);
    }
  }
  const { rankConstant = 60, weights } = optionsObject('options', options, ['rankConstant', 'weights']);
  if (finiteNumber('options.rankConstant', rankConstant) < 0) {
    throw invalidArgument('options.rankConstant', 'a number of at least 0', rankConstant);
  }
  checkWeights(weights, rankings.length);

  const scores = new Map<Id, number>();
  rankings.forEach((ranking, i) => {
    const weight = weights?.[i] ?? 1;
    const places = new Set<Id>(ranking);
    let place = 0;
    for (const id of places) scores.set(id, (scores.get(id) ?? 0) + weight / (rankConstant + ++place));
  });
  return Array.from(scores, ([id, score]) => ({ id, score })).sort((a, b) => b.score - a.score);
}

function checkWeights(weights: readonly number[] | undefined, count: number): void {
  if (weights === undefined) return;
  if (!Array.isArray(weights)) throw invalidArgument('options.weights', 'an array of numbers', weights);
  if (weights.length !== count) {
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected ${count} weights, one per ranking, for options.weights but received ${weights.length}`,
    );
  }
  for (const [i, weight] of weights.entries()) {
    if (finiteNumber(`options.weights[${i}]`, weight) < 0) {
      throw invalidArgument(`options.weights[${i}]`, 'a number of at least 0', weight);
    }
  }
}
