import { throwIfAborted } from '../../core/abort.js';
import type { MatrixLike } from '../../core/embeddings.js';
import { Pace } from '../../core/pace.js';
import { integer, optionsObject } from '../../core/validate.js';
import { matrixArgument } from '../matrix.js';
import { type TopK, topK } from '../topk.js';
import { BestPairs, type ScoredPair } from './best-pairs.js';
import { QUERY_CHUNK, rowChunks } from './row-chunks.js';
import {
  ANALYSIS_OPTIONS,
  type AnalysisOptions,
  checkAnalysis,
  type SimilarityKind,
  similarityKind,
} from './search-options.js';

export interface ParaphraseMiningOptions extends AnalysisOptions {
  /** Neighbours of each row that are considered. @default 100 */
  k?: number;
  /** Most pairs to return. @default 500_000 */
  maxPairs?: number;
  /** @default 'cosine' */
  metric?: SimilarityKind;
}

/**
 * Finds the pairs of rows that are most similar: `util.paraphrase_mining_embeddings` of sentence-transformers.
 *
 * Every row is compared with every other one, and the `k` best of each row are kept; a pair that both rows found counts
 * once. Memory grows with `maxPairs`, not with the square of the rows.
 *
 * @returns `[score, i, j]` with `i < j`, best first, ties by lowest `i`, then `j`
 * @throws {EmbedlaneError} `ERR_DTYPE`, `ERR_DIMENSION` or `ERR_INVALID_ARG` for arguments that do not fit,
 * `ERR_ABORTED` if the signal fires
 */
export async function paraphraseMining(
  embeddings: MatrixLike,
  options: ParaphraseMiningOptions = {},
): Promise<ScoredPair[]> {
  const known = optionsObject('options', options, ['k', 'maxPairs', 'metric', ...ANALYSIS_OPTIONS]);
  const { signal, threads, onProgress } = checkAnalysis(known);
  const k = integer('options.k', known.k ?? 100, 1, 2 ** 32 - 2);
  const maxPairs = integer('options.maxPairs', known.maxPairs ?? 500_000, 1, 2 ** 32 - 1);
  const metric = similarityKind(known.metric ?? 'cosine');
  const checked = matrixArgument('embeddings', embeddings);
  throwIfAborted(signal);

  const pace = new Pace(signal);
  const pairs = new BestPairs(maxPairs);
  const seen = new Neighbourhoods(checked.rows);
  for (const chunk of rowChunks(checked, QUERY_CHUNK)) {
    // One more than asked for: most rows find themselves.
    const found = await topK(chunk, checked, { k: k + 1, metric, threads, signal });
    for (let row = 0; row < found.rows; row++) {
      collect(found, row, chunk.start + row, k, seen, pairs);
      if (pace.due) await pace.turn();
    }
    onProgress?.({ completed: chunk.start + chunk.rows, total: checked.rows });
  }

  const best = new Array<ScoredPair>(pairs.size);
  for (let i = best.length - 1; i >= 0; i--) {
    best[i] = pairs.popWorst();
    if (i % 256 === 0 && pace.due) await pace.turn();
  }
  return best;
}

function collect(
  found: TopK,
  row: number,
  i: number,
  k: number,
  seen: Neighbourhoods,
  pairs: BestPairs,
): void {
  let kept = 0;
  for (let at = row * found.k; at < (row + 1) * found.k && kept < k; at++) {
    const j = found.indices[at];
    if (j === i) continue;
    kept++;
    const score = found.scores[at];
    seen.widen(i, score, j);
    if (Number.isNaN(score) || (j < i && seen.has(j, score, i))) continue;
    if (i < j) pairs.push(score, i, j);
    else pairs.push(score, j, i);
  }
}

/**
 * How far each row's list of neighbours reaches, which tells whether a row is in it: both directions of a pair have the
 * same score, bit for bit. A set of the pairs would need memory for each of them.
 */
class Neighbourhoods {
  readonly #scores: Float32Array;
  readonly #indices: Uint32Array;

  constructor(rows: number) {
    this.#scores = new Float32Array(rows);
    this.#indices = new Uint32Array(rows);
  }

  /** Says that `neighbour` is the next in the list of `row`. */
  widen(row: number, score: number, neighbour: number): void {
    this.#scores[row] = score;
    this.#indices[row] = neighbour;
  }

  /** Whether the complete list of `row` has `neighbour`. NaN ends a list that every number is in. */
  has(row: number, score: number, neighbour: number): boolean {
    const last = this.#scores[row];
    return score > last || Number.isNaN(last) || (score === last && neighbour <= this.#indices[row]);
  }
}
