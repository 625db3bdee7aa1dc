import { Embeddings, HALF_DTYPES, type MatrixLike, type Precision } from '../core/embeddings.js';
import { EmbedlaneError } from '../core/errors.js';
import { loadBinding } from '../native/load.js';
import { allocateFloats } from '../native/memory.js';
import { type CheckedMatrix, embeddingsArgument, matrixArgument } from '../vectors/matrix.js';
import type { IndexSpec } from './spec.js';

/**
 * What an index takes as rows and as queries: floats, as a matrix `{ data, rows, dims }`, or Embeddings of 16-bit
 * floats or of bits (which count as 1 and 0).
 */
export type RowsLike = MatrixLike | Embeddings<'float32' | 'float16' | 'bfloat16' | 'binary' | 'ubinary'>;

/** Checks rows for an index and makes them floats. Whether they are finite, the store sees. */
export function rowsArgument(name: string, value: RowsLike, spec: IndexSpec): CheckedMatrix {
  const isPacked = value instanceof Embeddings && (value.precision as Precision) !== 'float32';
  const matrix = isPacked
    ? unpacked(name, value as Embeddings<'float16'>)
    : matrixArgument(name, value as MatrixLike);
  if (matrix.rows > 0 && matrix.dims !== spec.dims) {
    throw new EmbedlaneError(
      'ERR_DIMENSION',
      `Expected rows of ${spec.dims} values for ${name} but received rows of ${matrix.dims}`,
    );
  }
  return matrix;
}

function unpacked(name: string, value: Embeddings<Precision>): CheckedMatrix {
  const { data, rows, dims, precision } = embeddingsArgument(name, value);
  const out = allocateFloats(rows * dims);
  switch (precision) {
    case 'float16':
    case 'bfloat16':
      loadBinding().fromHalf(HALF_DTYPES[precision], data as Uint16Array, out);
      break;
    case 'binary':
    case 'ubinary':
      if (rows > 0) loadBinding().unpackBits(data as Uint8Array, dims, out);
      break;
    default:
      throw new EmbedlaneError(
        'ERR_DTYPE',
        `Expected floats or bits for ${name} but received '${precision}', which means nothing without its ranges`,
      );
  }
  return { data: out, rows, dims };
}
