import type { MatrixLike } from '../../core/embeddings.js';
import { EmbedlaneError } from '../../core/errors.js';
import { oneOf, optionsObject } from '../../core/validate.js';
import { loadBinding } from '../../native/load.js';
import { allocateFloats } from '../../native/memory.js';
import { NATIVE_METRICS, SIMILARITY_METRICS, type SimilarityOptions } from '../distances.js';
import { matrixArgument, requireSameDims } from '../matrix.js';

/**
 * Compares row `i` of `a` with row `i` of `b`: the pairwise similarity functions of sentence-transformers.
 *
 * @returns one score per row; distances are negated, so that larger always means more similar
 * @throws {EmbedlaneError} `ERR_DTYPE`, `ERR_DIMENSION` or `ERR_INVALID_ARG` for matrices or options that do
 * not fit
 */
export function pairwiseSimilarity(a: MatrixLike, b: MatrixLike, options?: SimilarityOptions): Float32Array {
  const left = matrixArgument('a', a);
  const right = matrixArgument('b', b);
  const { metric = 'cosine' } = optionsObject('options', options, ['metric']);
  oneOf('options.metric', metric, SIMILARITY_METRICS);
  requireSameDims('a', left, 'b', right);
  if (left.rows !== right.rows) {
    throw new EmbedlaneError(
      'ERR_DIMENSION',
      `Expected as many rows as a, ${left.rows}, for b but received ${right.rows}`,
    );
  }
  const binding = loadBinding();
  const { dims } = left;
  const scores = allocateFloats(left.rows);
  const isDistance = metric === 'euclidean' || metric === 'manhattan';
  for (let row = 0; row < scores.length; row++) {
    const [from, to] = [row * dims, (row + 1) * dims];
    const score = scores.subarray(row, row + 1);
    binding.matrix(
      NATIVE_METRICS[metric],
      left.data.subarray(from, to),
      right.data.subarray(from, to),
      dims,
      score,
    );
    if (isDistance) score[0] = 0 - score[0];
  }
  return scores;
}
