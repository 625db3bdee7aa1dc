import { types } from 'node:util';
import { fromHalf } from '../native/fallback/half.js';
import { EmbedlaneError, invalidArgument } from './errors.js';
import { isTyped, ofThisRealm } from './realms.js';
import { integer, oneOf } from './validate.js';

/**
 * Element type of an {@link Embeddings} matrix: the names of sentence-transformers, and two kinds of 16-bit floats.
 * `'ubinary'` has one bit per dimension, the first in the highest bit of the first byte; each row is a whole number
 * of bytes. `'binary'` is the same with 128 taken from each byte, so that they are signed.
 */
export type Precision = keyof PrecisionData;

/** The typed array behind each {@link Precision}. */
export interface PrecisionData {
  float32: Float32Array;
  float16: Uint16Array;
  bfloat16: Uint16Array;
  int8: Int8Array;
  uint8: Uint8Array;
  binary: Int8Array;
  ubinary: Uint8Array;
}

const ARRAY_TYPES = {
  float32: Float32Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  binary: Int8Array,
  ubinary: Uint8Array,
} as const;

/** The constructor of the typed array behind a precision. */
export function arrayTypeOf<P extends Precision>(precision: P): new (length: number) => PrecisionData[P] {
  return ARRAY_TYPES[precision] as unknown as new (
    length: number,
  ) => PrecisionData[P];
}

/** The addon's names for 16-bit floats. */
export const HALF_DTYPES = { float16: 'f16', bfloat16: 'bf16' } as const;

/** Every {@link Precision}. */
export const PRECISIONS = Object.keys(ARRAY_TYPES) as Precision[];

/** How many values of the typed array a row of `dims` dimensions takes. */
export function rowLength(precision: Precision, dims: number): number {
  return precision === 'binary' || precision === 'ubinary' ? Math.ceil(dims / 8) : dims;
}

/** Anything with a row-major matrix of 32-bit floats in it. An {@link Embeddings} is one. */
export interface MatrixLike {
  /** Row-major values, `rows × dims`. Views with a byte offset are fine. */
  readonly data: Float32Array;
  readonly rows: number;
  readonly dims: number;
}

/** A dense matrix of scores, row-major: `data[i * cols + j]` compares row `i` of the first side with row `j` of the second. */
export interface Matrix {
  readonly data: Float32Array;
  readonly rows: number;
  readonly cols: number;
}

/**
 * Vectors as one row-major matrix: what `encode` returns and what every search takes.
 *
 * @example
 * const e = new Embeddings(new Float32Array([1, 0, 0, 1]), 2, 2);
 * e.row(1); // Float32Array [0, 1], a view into e.data
 */
export class Embeddings<P extends Precision = 'float32'> implements Iterable<PrecisionData[P]> {
  readonly data: PrecisionData[P];
  readonly rows: number;
  /** Dimensions of a row. With bits, eight of them are one value of `data`. */
  readonly dims: number;
  readonly precision: P;

  /**
   * @param data row-major values, exactly `rows × dims` of them (bits: `rows × ⌈dims / 8⌉` bytes); kept, not copied
   * @throws {EmbedlaneError} `ERR_DTYPE` if the array is not the precision's, `ERR_DIMENSION` if its length is wrong
   */
  constructor(data: PrecisionData[P], rows: number, dims: number, precision: P = 'float32' as P) {
    const ArrayType = arrayTypeOf(oneOf<Precision>('precision', precision, PRECISIONS));
    if (!isTyped(data, ArrayType)) {
      throw invalidArgument('data', `memory of type ${ArrayType.name}`, data, 'ERR_DTYPE');
    }
    integer('rows', rows, 0, Number.MAX_SAFE_INTEGER);
    integer('dims', dims, 0, Number.MAX_SAFE_INTEGER);
    const width = rowLength(precision, dims);
    if (data.length !== rows * width) {
      const shape = width === dims ? 'rows × dims' : 'rows × ⌈dims / 8⌉';
      throw new EmbedlaneError(
        'ERR_DIMENSION',
        `Expected ${shape} = ${rows} × ${width} values for data but received ${data.length}`,
      );
    }
    this.data = ofThisRealm<ArrayBufferView>(data, ArrayType) as PrecisionData[P];
    this.rows = rows;
    this.dims = dims;
    this.precision = precision;
  }

  /**
   * Copies vectors that came as arrays, from JSON or a database, into one matrix of 32-bit floats.
   *
   * @param vectors arrays or typed arrays of numbers, all of one length
   * @throws {EmbedlaneError} `ERR_INVALID_ARG` if something is no number, `ERR_DIMENSION` if lengths differ
   * @example
   * Embeddings.from([[1, 0], [0, 1]]).dims; // 2
   */
  static from(vectors: readonly ArrayLike<number>[]): Embeddings {
    if (!Array.isArray(vectors)) throw invalidArgument('vectors', 'an array of vectors', vectors);
    const dims = vectors.length === 0 ? 0 : vectorLength(vectors[0], 0);
    const data = new Float32Array(vectors.length * dims);
    for (let i = 0; i < vectors.length; i++) {
      const vector = vectors[i];
      if (vectorLength(vector, i) !== dims) {
        throw new EmbedlaneError(
          'ERR_DIMENSION',
          `Expected ${dims} values, as in vectors[0], for vectors[${i}] but received ${vector.length}`,
        );
      }
      if (!ArrayBuffer.isView(vector)) requireNumbers(vector, i);
      data.set(vector, i * dims);
    }
    return new Embeddings(data, vectors.length, dims);
  }

  /** Row `index` as a view into `data`: no copy, so writing to it changes the matrix. */
  row(index: number): PrecisionData[P] {
    integer('index', index, 0, this.rows - 1);
    const width = rowLength(this.precision, this.dims);
    return this.data.subarray(index * width, (index + 1) * width) as PrecisionData[P];
  }

  /**
   * All rows as plain arrays of numbers, for JSON and for databases that take nothing else. 16-bit floats become the
   * numbers that they stand for; bits stay packed in bytes.
   */
  toArrays(): number[][] {
    const half = HALF_DTYPES[this.precision as 'float16'];
    return Array.from(this, (row) => (half ? Array.from(row, (x) => fromHalf(half, x)) : Array.from(row)));
  }

  *[Symbol.iterator](): IterableIterator<PrecisionData[P]> {
    for (let index = 0; index < this.rows; index++) yield this.row(index);
  }
}

function vectorLength(vector: ArrayLike<number>, index: number): number {
  if (isNumberArray(vector)) return vector.length;
  throw invalidArgument(`vectors[${index}]`, 'an array of numbers', vector);
}

function requireNumbers(vector: ArrayLike<number>, index: number): void {
  for (let i = 0; i < vector.length; i++) {
    if (typeof vector[i] === 'number') continue;
    throw invalidArgument(`vectors[${index}][${i}]`, 'a number', vector[i]);
  }
}

function isNumberArray(value: unknown): boolean {
  if (isTyped(value, BigInt64Array) || isTyped(value, BigUint64Array) || types.isDataView(value))
    return false;
  return Array.isArray(value) || ArrayBuffer.isView(value);
}
