import { EmbedlaneError, invalidArgument } from './errors.js';
import { integer } from './validate.js';

/** Element type of an {@link Embeddings} matrix. */
export type Precision = 'float32';

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
export class Embeddings implements MatrixLike, Iterable<Float32Array> {
  readonly data: Float32Array;
  readonly rows: number;
  readonly dims: number;
  readonly precision: Precision = 'float32';

  /**
   * @param data row-major values, exactly `rows × dims` of them; kept, not copied
   * @throws {EmbedlaneError} `ERR_DIMENSION` if the length is not `rows × dims`
   */
  constructor(data: Float32Array, rows: number, dims: number) {
    if (!(data instanceof Float32Array)) throw invalidArgument('data', 'a Float32Array', data, 'ERR_DTYPE');
    integer('rows', rows, 0, Number.MAX_SAFE_INTEGER);
    integer('dims', dims, 0, Number.MAX_SAFE_INTEGER);
    if (data.length !== rows * dims) {
      throw new EmbedlaneError(
        'ERR_DIMENSION',
        `Expected rows × dims = ${rows} × ${dims} values for data but received ${data.length}`,
      );
    }
    this.data = data;
    this.rows = rows;
    this.dims = dims;
  }

  /** Row `index` as a view into `data`: no copy, so writing to it changes the matrix. */
  row(index: number): Float32Array {
    integer('index', index, 0, this.rows - 1);
    return this.data.subarray(index * this.dims, (index + 1) * this.dims);
  }

  /** All rows as plain arrays of numbers, for JSON and for databases that take nothing else. */
  toArrays(): number[][] {
    return Array.from(this, (row) => Array.from(row));
  }

  *[Symbol.iterator](): IterableIterator<Float32Array> {
    for (let index = 0; index < this.rows; index++) yield this.row(index);
  }
}
