import { arrayTypeOf, Embeddings, type MatrixLike, type Precision } from '../core/embeddings.js';
import { EmbedlaneError, invalidArgument } from '../core/errors.js';
import { float32Array, integer, typedArray } from '../core/validate.js';

/** A matrix whose memory and shape have been checked. */
export interface CheckedMatrix {
  readonly data: Float32Array<ArrayBuffer>;
  readonly rows: number;
  readonly dims: number;
}

type Shape = Pick<CheckedMatrix, 'rows' | 'dims'>;

export const MAX_DIMS = 2 ** 32 - 1;

/** Arrays of vectors are what most programs have at hand, so the error tells what makes a matrix of them. */
export function noMatrix(name: string, value: unknown): EmbedlaneError {
  const hint = Array.isArray(value) ? 'Embeddings.from(vectors)' : 'Embeddings.from([vector])';
  const isVectors = Array.isArray(value) || ArrayBuffer.isView(value);
  return invalidArgument(
    name,
    `a matrix { data, rows, dims }${isVectors ? `, which ${hint} makes,` : ''}`,
    value,
  );
}

/** Whether `value` may be a matrix: a promise of one, whose `await` was forgotten, has no data. */
export function hasData(value: unknown): boolean {
  return value !== null && typeof value === 'object' && !Array.isArray(value) && 'data' in value;
}

/** Checks that `value` is a {@link MatrixLike} over usable memory. */
export function matrixArgument(name: string, value: MatrixLike): CheckedMatrix {
  if (!hasData(value)) throw noMatrix(name, value);
  // Read once: a getter must not be able to change its mind after the check.
  const { rows, dims } = value;
  const data = float32Array(`${name}.data`, value.data);
  integer(`${name}.rows`, rows, 0, Number.MAX_SAFE_INTEGER);
  integer(`${name}.dims`, dims, rows > 0 ? 1 : 0, MAX_DIMS);
  if (data.length !== rows * dims) {
    throw new EmbedlaneError(
      'ERR_DIMENSION',
      `Expected rows × dims = ${rows} × ${dims} values for ${name}.data but received ${data.length}`,
    );
  }
  return { data, rows, dims };
}

/** Checks that two matrices have rows of one length; one without rows fits every other. */
export function requireSameDims(aName: string, a: Shape, bName: string, b: Shape): void {
  if (a.rows > 0 && b.rows > 0 && a.dims !== b.dims) {
    throw new EmbedlaneError(
      'ERR_DIMENSION',
      `Expected rows of ${b.dims} values, as in ${bName}, for ${aName} but received rows of ${a.dims}`,
    );
  }
}

/** Checks that `value` is an {@link Embeddings}, of any precision, over usable memory. */
export function embeddingsArgument<P extends Precision>(
  name: string,
  value: Embeddings<P>,
): Pick<Embeddings<P>, 'data' | 'rows' | 'dims' | 'precision'> {
  if (!(value instanceof Embeddings)) throw invalidArgument(name, 'Embeddings', value);
  const { data, rows, dims, precision } = value;
  // The constructor has checked the rest; memory can be transferred away at any time.
  typedArray<ArrayBufferView>(`${name}.data`, data, arrayTypeOf<Precision>(precision));
  integer(`${name}.dims`, dims, rows > 0 ? 1 : 0, MAX_DIMS);
  return { data, rows, dims, precision };
}
