import { Embeddings, HALF_DTYPES, type MatrixLike, type Precision, rowLength } from '../core/embeddings.js';
import { EmbedlaneError } from '../core/errors.js';
import { isTyped } from '../core/realms.js';
import { integer, typedArray } from '../core/validate.js';
import { loadBinding } from '../native/load.js';
import { allocateFloats } from '../native/memory.js';
import { type CheckedMatrix, embeddingsArgument, MAX_DIMS, matrixArgument } from '../vectors/matrix.js';
import type { IndexSpec } from './spec.js';

/** Rows of bits as other programs hand them out: `⌈dims / 8⌉` bytes each, the first dimension in a byte's highest bit. */
export interface PackedRows {
  readonly data: Uint8Array;
  readonly rows: number;
  readonly dims: number;
}

/**
 * What an index takes as rows and as queries: floats, as a matrix `{ data, rows, dims }`, or Embeddings of 16-bit
 * floats or of bits (which count as 1 and 0). An index of `dtype: 'b1'` also takes {@link PackedRows}.
 */
export type RowsLike =
  | MatrixLike
  | PackedRows
  | Embeddings<'float32' | 'float16' | 'bfloat16' | 'binary' | 'ubinary'>;

/** Checks rows for an index and makes them floats. Whether they are finite, the store sees. */
export function rowsArgument(name: string, value: RowsLike, spec: IndexSpec): CheckedMatrix {
  const packed = spec.dtype === 'b1' ? packedBits(name, value) : value;
  const isPacked = packed instanceof Embeddings && (packed.precision as Precision) !== 'float32';
  const matrix = isPacked
    ? unpacked(name, packed as Embeddings<'float16'>)
    : matrixArgument(name, packed as MatrixLike);
  if (matrix.rows > 0 && matrix.dims !== spec.dims) {
    throw new EmbedlaneError(
      'ERR_DIMENSION',
      `Expected rows of ${spec.dims} values for ${name} but received rows of ${matrix.dims}`,
    );
  }
  return matrix;
}

/** Bytes that are no Embeddings yet, as Embeddings of bits; anything else as it is. */
function packedBits(name: string, value: RowsLike): RowsLike {
  if (value === null || typeof value !== 'object' || value instanceof Embeddings) return value;
  const { data: given, rows, dims } = value;
  if (!isTyped(given, Uint8Array)) return value;
  const data = typedArray(`${name}.data`, given, Uint8Array);
  integer(`${name}.rows`, rows, 0, Number.MAX_SAFE_INTEGER);
  integer(`${name}.dims`, dims, rows > 0 ? 1 : 0, MAX_DIMS);
  const width = rowLength('ubinary', dims);
  if (data.length !== rows * width) {
    throw new EmbedlaneError(
      'ERR_DIMENSION',
      `Expected rows × ⌈dims / 8⌉ = ${rows} × ${width} bytes for ${name}.data but received ${data.length}`,
    );
  }
  return new Embeddings(data, rows, dims, 'ubinary');
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
