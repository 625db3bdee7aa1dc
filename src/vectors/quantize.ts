import {
  arrayTypeOf,
  Embeddings,
  HALF_DTYPES,
  type MatrixLike,
  PRECISIONS,
  type Precision,
  type PrecisionData,
  rowLength,
} from '../core/embeddings.js';
import { EmbedlaneError, invalidArgument } from '../core/errors.js';
import { isTyped } from '../core/realms.js';
import { oneOf, optionsObject } from '../core/validate.js';
import { loadBinding } from '../native/load.js';
import { allocateArray, allocateFloats } from '../native/memory.js';
import { type CheckedMatrix, embeddingsArgument, matrixArgument, requireSameDims } from './matrix.js';

/**
 * The smallest and largest value that each dimension is expected to take, for `'int8'` and `'uint8'`. Plain arrays,
 * so `JSON.stringify` keeps them without loss.
 */
export interface QuantizationRanges {
  min: number[];
  max: number[];
}

export interface QuantizeOptions {
  /** From {@link calibrationRanges}: what lies outside is clamped. */
  ranges?: QuantizationRanges;
  /** Representative embeddings to take the ranges from, unless `ranges` are given. */
  calibration?: MatrixLike;
}

/**
 * Quantises embeddings: the `quantize_embeddings` of sentence-transformers, and 16-bit floats. Works on the calling
 * thread.
 *
 * `'int8'` and `'uint8'` divide each dimension's range into 255 buckets. Ranges come from `ranges`, or from
 * `calibration`, or from the embeddings themselves, which must then be more than one and should be hundreds; vectors
 * that are to be compared need the same ranges. `'binary'` and `'ubinary'` keep one bit per dimension, set for values
 * above 0. `'float16'` and `'bfloat16'` round to nearest, ties to even; beyond 65,504 a float16 is infinite.
 *
 * @throws {EmbedlaneError} `ERR_DTYPE`, `ERR_DIMENSION` or `ERR_INVALID_ARG` for arguments that do not fit, and, unless
 * to floats, for a value that is not finite
 * @example
 * const ranges = calibrationRanges(corpus);
 * const codes = quantize(corpus, 'int8', { ranges });
 */
export function quantize<P extends Precision>(
  embeddings: MatrixLike,
  precision: P,
  options?: QuantizeOptions,
): Embeddings<P> {
  const matrix = matrixArgument('embeddings', embeddings);
  oneOf<Precision>('precision', precision, PRECISIONS);
  const given = optionsObject('options', options, ['ranges', 'calibration']);
  const { rows, dims } = matrix;
  const bucketed = precision === 'int8' || precision === 'uint8';
  if (!bucketed && (given.ranges !== undefined || given.calibration !== undefined)) {
    throw new EmbedlaneError('ERR_INVALID_ARG', `Expected no ranges or calibration for '${precision}'`);
  }
  const ranges = bucketed ? rangesFor(matrix, given) : undefined;
  const data = allocateArray(arrayTypeOf(precision), rows * rowLength(precision, dims));
  if (rows > 0) {
    const row = convert(matrix, precision, data, ranges);
    if (row !== -1) throw notFinite('embeddings', row);
  }
  return new Embeddings<P>(data, rows, dims, precision);
}

/** Fills `out`; the first row with a value that is not finite, or -1. */
function convert(
  { data, dims }: CheckedMatrix,
  precision: Precision,
  out: PrecisionData[Precision],
  ranges: Float32Array | undefined,
): number {
  const binding = loadBinding();
  switch (precision) {
    case 'float32':
      (out as Float32Array).set(data);
      return -1;
    case 'float16':
    case 'bfloat16':
      binding.toHalf(HALF_DTYPES[precision], data, out as Uint16Array);
      return -1;
    case 'int8':
    case 'uint8':
      return binding.quantizeRanges(data, dims, ranges!, out as Int8Array | Uint8Array);
    case 'binary':
    case 'ubinary':
      return binding.packBits(data, dims, out as Int8Array | Uint8Array);
  }
}

/**
 * The ranges for `'int8'` and `'uint8'`: the smallest and largest value of each dimension.
 *
 * @param embeddings two rows or more; hundreds, better thousands, of what will be quantised
 * @throws {EmbedlaneError} `ERR_INVALID_ARG` for less than two rows or a value that is not finite
 */
export function calibrationRanges(embeddings: MatrixLike): QuantizationRanges {
  const matrix = matrixArgument('embeddings', embeddings);
  const ranges = findRanges('embeddings', matrix);
  return { min: Array.from(ranges.subarray(0, matrix.dims)), max: Array.from(ranges.subarray(matrix.dims)) };
}

function findRanges(name: string, { data, rows, dims }: CheckedMatrix): Float32Array {
  if (rows < 2) {
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected two rows or more for ${name}, to take ranges from, but received ${rows}; pass ranges or calibration`,
    );
  }
  const ranges = allocateFloats(2 * dims);
  const row = loadBinding().findRanges(data, dims, ranges);
  if (row !== -1) throw notFinite(name, row);
  return ranges;
}

function rangesFor(matrix: CheckedMatrix, { ranges, calibration }: QuantizeOptions): Float32Array {
  if (ranges !== undefined) return rangesArgument('options.ranges', ranges, matrix);
  if (calibration !== undefined) {
    const sample = matrixArgument('options.calibration', calibration);
    requireSameDims('options.calibration', sample, 'embeddings', matrix);
    return findRanges('options.calibration', sample);
  }
  return matrix.rows === 0 ? new Float32Array(2 * matrix.dims) : findRanges('embeddings', matrix);
}

function rangesArgument(
  name: string,
  value: QuantizationRanges,
  { rows, dims }: Pick<CheckedMatrix, 'rows' | 'dims'>,
): Float32Array {
  if (value === null || typeof value !== 'object') {
    throw invalidArgument(name, 'ranges { min, max }', value);
  }
  const ends = (['min', 'max'] as const).map((end) => {
    const list = value[end] as unknown;
    if (!Array.isArray(list) && !isTyped(list, Float32Array)) {
      throw invalidArgument(`${name}.${end}`, 'an array of numbers', list);
    }
    if (list.length !== dims && rows > 0) {
      throw new EmbedlaneError(
        'ERR_DIMENSION',
        `Expected ${dims} values, one per dimension, for ${name}.${end} but received ${list.length}`,
      );
    }
    const wrong = list.findIndex((x: unknown) => typeof x !== 'number' || !Number.isFinite(Math.fround(x)));
    if (wrong !== -1) throw invalidArgument(`${name}.${end}[${wrong}]`, 'a finite number', list[wrong]);
    return Float32Array.from(list as number[]);
  });
  const [min, max] = ends;
  const wrong = min.findIndex((x, i) => x > max[i]);
  if (wrong !== -1) {
    throw invalidArgument(`${name}.max[${wrong}]`, `a number not below min, ${min[wrong]},`, max[wrong]);
  }
  const both = new Float32Array(min.length + max.length);
  both.set(min);
  both.set(max, min.length);
  return both;
}

export interface DequantizeOptions {
  /** For `'int8'` and `'uint8'`: the ranges that they were quantised with. */
  ranges?: QuantizationRanges;
}

/**
 * The floats that quantised embeddings stand for: 16-bit floats exactly, `'int8'` and `'uint8'` as their buckets'
 * lower ends, as sentence-transformers does, and bits as 1 and 0.
 *
 * @throws {EmbedlaneError} `ERR_INVALID_ARG` or `ERR_DIMENSION` if ranges are missing or do not fit
 */
export function dequantize(embeddings: Embeddings<Precision>, options?: DequantizeOptions): Embeddings {
  const matrix = embeddingsArgument('embeddings', embeddings);
  const { data, rows, dims, precision } = matrix;
  const { ranges } = optionsObject('options', options, ['ranges']);
  const bucketed = precision === 'int8' || precision === 'uint8';
  if (bucketed !== (ranges !== undefined)) {
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected ${bucketed ? 'options.ranges' : 'no ranges'} for '${precision}'`,
    );
  }
  const limits = ranges && rangesArgument('options.ranges', ranges, matrix);
  const out = allocateFloats(rows * dims);
  if (rows > 0) {
    const binding = loadBinding();
    switch (precision) {
      case 'float32':
        out.set(data as Float32Array);
        break;
      case 'float16':
      case 'bfloat16':
        binding.fromHalf(HALF_DTYPES[precision], data as Uint16Array, out);
        break;
      case 'int8':
      case 'uint8':
        binding.dequantizeRanges(data as Int8Array | Uint8Array, dims, limits!, out);
        break;
      case 'binary':
      case 'ubinary':
        binding.unpackBits(data as Int8Array | Uint8Array, dims, out);
    }
  }
  return new Embeddings(out, rows, dims);
}

/** The error for a matrix whose given row has NaN or infinity in it. */
export function notFinite(name: string, row: number): EmbedlaneError {
  return new EmbedlaneError(
    'ERR_INVALID_ARG',
    `Expected finite values for ${name} but row ${row} has others`,
  );
}
