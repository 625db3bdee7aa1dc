import type { Embeddings, MatrixLike, Precision } from '../core/embeddings.js';
import { rowLength } from '../core/embeddings.js';
import { EmbedlaneError, invalidArgument } from '../core/errors.js';
import { isTyped } from '../core/realms.js';
import { integer, oneOf, typedArray } from '../core/validate.js';
import { DTYPES, type Dtype, type VectorData } from '../native/binding.js';
import { hasData, MAX_DIMS, noMatrix } from './matrix.js';

/** What a runtime with Float16Array has; Node 20's typings lack it. */
interface Float16Values extends ArrayBufferView {
  readonly length: number;
  readonly [Symbol.toStringTag]: 'Float16Array';
}

/**
 * One vector: Float32Array; Float16Array, where the runtime has it; Uint16Array of float16 or bfloat16; Int8Array or
 * Uint8Array of integers, or of packed bits.
 */
export type Vector = VectorData | Float16Values;

/** A row-major matrix of elements of any type: {@link Embeddings} of any precision, or a plain object. */
export type VectorMatrix =
  | Embeddings<Precision>
  | MatrixLike
  | {
      readonly data: Vector;
      readonly rows: number;
      /**
       * Dimensions. Of bits, the length of a row in bytes does as well; unused ones of the last byte count too, and
       * should be 0.
       */
      readonly dims: number;
      /** What the elements are, where the array does not tell, as in {@link PairOptions}. */
      readonly dtype?: Dtype;
    };

/** A vector whose memory and elements have been checked. */
export interface CheckedVector {
  readonly data: VectorData;
  readonly dtype: Dtype;
}

export interface CheckedVectors extends CheckedVector {
  readonly rows: number;
  readonly dims: number;
}

const DTYPE_OF_PRECISION: Record<Precision, Dtype> = {
  float32: 'f32',
  float16: 'f16',
  bfloat16: 'bf16',
  int8: 'i8',
  uint8: 'u8',
  binary: 'b1',
  ubinary: 'b1',
};

/**
 * Checks one vector.
 *
 * @param ofBits whether the elements must be bits
 * @param dtype what the elements are, if the caller said so
 */
export function vectorArgument(
  name: string,
  value: Vector,
  ofBits: boolean,
  dtype: Dtype | undefined,
): CheckedVector {
  if (!ArrayBuffer.isView(value)) throw invalidArgument(name, 'a typed array', value);
  if (dtype !== undefined) oneOf('options.dtype', dtype, DTYPES);
  return elements(name, value, ofBits, dtype);
}

/** Checks that `value` is a {@link VectorMatrix} over usable memory. */
export function vectorsArgument(name: string, value: VectorMatrix, ofBits: boolean): CheckedVectors {
  if (!hasData(value)) throw noMatrix(name, value);
  // Read once: a getter must not be able to change its mind after the check.
  const { rows, dims, dtype, precision } = value as CheckedVectors & { precision?: Precision };
  if (dtype !== undefined) oneOf(`${name}.dtype`, dtype, DTYPES);
  const given = value.data;
  if (!ArrayBuffer.isView(given)) throw invalidArgument(`${name}.data`, 'a typed array', given);
  const { data, dtype: found } = elements(
    `${name}.data`,
    given,
    ofBits,
    dtype ?? (precision && DTYPE_OF_PRECISION[precision]),
  );
  integer(`${name}.rows`, rows, 0, Number.MAX_SAFE_INTEGER);
  integer(`${name}.dims`, dims, rows > 0 ? 1 : 0, MAX_DIMS);
  const width = rowLength(found === 'b1' ? 'ubinary' : 'float32', dims);
  if (data.length === rows * width) return { data, rows, dims, dtype: found };
  // Bits without a precision may count their rows' bytes.
  if (found === 'b1' && precision === undefined && data.length === rows * dims) {
    return { data, rows, dims: 8 * dims, dtype: found };
  }
  throw new EmbedlaneError(
    'ERR_DIMENSION',
    `Expected ${width === dims ? 'rows × dims' : 'rows × ⌈dims / 8⌉'} = ${rows} × ${width} values for ${name}.data but received ${data.length}`,
  );
}

/** Checks that two sides hold the same elements. */
export function requireSameDtype(aName: string, a: CheckedVector, bName: string, b: CheckedVector): void {
  if (a.dtype !== b.dtype) {
    throw new EmbedlaneError(
      'ERR_DTYPE',
      `Expected '${a.dtype}' elements, as in ${aName}, for ${bName} but received '${b.dtype}'`,
    );
  }
}

function elements(
  name: string,
  value: ArrayBufferView,
  ofBits: boolean,
  choice: Dtype | undefined,
): CheckedVector {
  const data = checkedMemory(name, value);
  const dtype = choice ?? defaultDtype(data, value, ofBits);
  if (dtype === undefined) {
    throw new EmbedlaneError(
      'ERR_DTYPE',
      `Expected a dtype, 'f16' or 'bf16', for ${name} because a Uint16Array does not tell`,
    );
  }
  if (!holds(data, dtype) || (ofBits && dtype !== 'b1')) {
    const expected = ofBits ? 'bits in a Uint8Array or Int8Array' : `an array of '${dtype}' elements`;
    throw invalidArgument(name, expected, value, 'ERR_DTYPE');
  }
  // The bytes minus 128 of 'binary'.
  if (dtype === 'b1' && data instanceof Int8Array)
    return { data: Uint8Array.from(data, (x) => x ^ 0x80), dtype };
  return { data, dtype };
}

function checkedMemory(name: string, value: ArrayBufferView): VectorData {
  if (isTyped(value, Float32Array)) return typedArray(name, value, Float32Array, { fixedLength: false });
  if (isTyped(value, Int8Array)) return typedArray(name, value, Int8Array, { fixedLength: false });
  if (isTyped(value, Uint8Array)) return typedArray(name, value, Uint8Array, { fixedLength: false });
  const halves =
    isFloat16(value) && value.byteLength > 0
      ? new Uint16Array(value.buffer, value.byteOffset, value.length)
      : value;
  if (isTyped(halves, Uint16Array)) return typedArray(name, halves, Uint16Array, { fixedLength: false });
  throw invalidArgument(name, 'a Float32Array, Uint16Array, Int8Array or Uint8Array', value, 'ERR_DTYPE');
}

function isFloat16(value: ArrayBufferView): value is Float16Values {
  return (value as Partial<Float16Values>)[Symbol.toStringTag] === 'Float16Array';
}

function defaultDtype(data: VectorData, value: ArrayBufferView, ofBits: boolean): Dtype | undefined {
  if (data instanceof Float32Array) return 'f32';
  if (data instanceof Uint16Array) return isFloat16(value) ? 'f16' : undefined;
  if (ofBits) return 'b1';
  return data instanceof Int8Array ? 'i8' : 'u8';
}

function holds(data: VectorData, dtype: Dtype): boolean {
  switch (dtype) {
    case 'f32':
      return data instanceof Float32Array;
    case 'f16':
    case 'bf16':
      return data instanceof Uint16Array;
    case 'i8':
      return data instanceof Int8Array;
    case 'u8':
      return data instanceof Uint8Array;
    case 'b1':
      return data instanceof Int8Array || data instanceof Uint8Array;
  }
}
