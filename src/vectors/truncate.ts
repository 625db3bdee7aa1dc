import { Embeddings, type MatrixLike } from '../core/embeddings.js';
import { integer, optionalBoolean, optionsObject } from '../core/validate.js';
import { loadBinding } from '../native/load.js';
import { allocateFloats } from '../native/memory.js';
import { matrixArgument } from './matrix.js';

export interface TruncateOptions {
  /**
   * Divide each shortened row by its length, so that dot products are cosines again.
   * @default false
   */
  normalize?: boolean;
}

/**
 * Keeps the first `dims` dimensions of each row, for models trained to allow that (Matryoshka representation
 * learning). Rows that are that short already stay as they are.
 *
 * @throws {EmbedlaneError} `ERR_INVALID_ARG`, `ERR_DTYPE` or `ERR_DIMENSION` for arguments that do not fit
 */
export function truncate(embeddings: MatrixLike, dims: number, options?: TruncateOptions): Embeddings {
  const matrix = matrixArgument('embeddings', embeddings);
  integer('dims', dims, 1, Number.MAX_SAFE_INTEGER);
  const { normalize } = optionsObject('options', options, ['normalize']);
  optionalBoolean('options.normalize', normalize);
  const width = Math.min(dims, matrix.dims);
  const data = allocateFloats(matrix.rows * width);
  for (let row = 0; row < matrix.rows; row++) {
    const start = row * matrix.dims;
    data.set(matrix.data.subarray(start, start + width), row * width);
  }
  if (normalize && matrix.rows > 0) loadBinding().normalizeRows(data, width);
  return new Embeddings(data, matrix.rows, width);
}
