import type { MatrixLike } from '../core/embeddings.js';
import { EmbedlaneError } from '../core/errors.js';
import { type CheckedMatrix, matrixArgument } from '../vectors/matrix.js';
import { refuseNonFinite } from './contents.js';
import type { IndexSpec } from './spec.js';

/**
 * Checks a matrix of rows for an index.
 *
 * @param finite look for NaN and infinite values too (rows that are added are looked at when they are copied)
 */
export function rowsArgument(
  name: string,
  value: MatrixLike,
  spec: IndexSpec,
  finite?: 'finite',
): CheckedMatrix {
  const matrix = matrixArgument(name, value);
  if (matrix.rows > 0 && matrix.dims !== spec.dims) {
    throw new EmbedlaneError(
      'ERR_DIMENSION',
      `Expected rows of ${spec.dims} values for ${name} but received rows of ${matrix.dims}`,
    );
  }
  if (finite && matrix.rows > 0) {
    const bad = matrix.data.findIndex((x) => !Number.isFinite(x));
    refuseNonFinite(name, bad < 0 ? -1 : Math.floor(bad / matrix.dims));
  }
  return matrix;
}
