import { isArrayBuffer } from '../../core/realms.js';
import type { Dtype, MatrixMetric, VectorData } from '../binding.js';
import { fromHalves } from './half.js';
import { cosineOf, dotSum, l1Sum, squaredL2Sum } from './kernels.js';

/** The sums that every score is made of, over `length` elements of two arrays. */
interface Sums<T> {
  dot(a: T, aStart: number, b: T, bStart: number, length: number): number;
  squaredL2(a: T, aStart: number, b: T, bStart: number, length: number): number;
  l1(a: T, aStart: number, b: T, bStart: number, length: number): number;
}

const floats: Sums<Float32Array> = { dot: dotSum, squaredL2: squaredL2Sum, l1: l1Sum };

/** Exact: integers below 2^53. */
const integers: Sums<Int8Array | Uint8Array> = {
  dot(a, aStart, b, bStart, length) {
    let sum = 0;
    for (let i = 0; i < length; i++) sum += a[aStart + i] * b[bStart + i];
    return sum;
  },
  squaredL2(a, aStart, b, bStart, length) {
    let sum = 0;
    for (let i = 0; i < length; i++) sum += (a[aStart + i] - b[bStart + i]) ** 2;
    return sum;
  },
  l1(a, aStart, b, bStart, length) {
    let sum = 0;
    for (let i = 0; i < length; i++) sum += Math.abs(a[aStart + i] - b[bStart + i]);
    return sum;
  },
};

/** How many bits each byte has. */
const COUNTS = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length);

const bits: Sums<Uint8Array> = {
  dot(a, aStart, b, bStart, length) {
    let count = 0;
    for (let i = 0; i < length; i++) count += COUNTS[a[aStart + i] & b[bStart + i]];
    return count;
  },
  squaredL2: (...args) => differing(...args),
  l1: (...args) => differing(...args),
};

function differing(a: Uint8Array, aStart: number, b: Uint8Array, bStart: number, length: number): number {
  let count = 0;
  for (let i = 0; i < length; i++) count += COUNTS[(a[aStart + i] ^ b[bStart + i]) & 255];
  return count;
}

/** Jaccard distance from counts of bits; two vectors without any are alike: 0. */
function jaccardOf(both: number, aBits: number, bBits: number): number {
  const either = aBits + bBits - both;
  return either === 0 ? 0 : (either - both) / either;
}

function score<T>(
  sums: Sums<T>,
  metric: MatrixMetric,
  [a, aStart, aSquare]: readonly [a: T, start: number, square: number],
  b: T,
  bStart: number,
  length: number,
): number {
  switch (metric) {
    case 'dot':
      return Math.fround(sums.dot(a, aStart, b, bStart, length));
    case 'l2':
      return Math.fround(Math.sqrt(sums.squaredL2(a, aStart, b, bStart, length)));
    case 'l1':
      return Math.fround(sums.l1(a, aStart, b, bStart, length));
    default: {
      const dot = sums.dot(a, aStart, b, bStart, length);
      const of = metric === 'cosine' ? cosineOf : jaccardOf;
      return Math.fround(of(dot, aSquare, sums.dot(b, bStart, b, bStart, length)));
    }
  }
}

function scoreMatrix<T extends VectorData>(
  sums: Sums<T>,
  metric: MatrixMetric,
  a: T,
  b: T,
  length: number,
  out: Float32Array,
): void {
  const columns = b.length / length;
  const needsSquare = metric === 'cosine' || metric === 'jaccard';
  for (let i = 0; i * length < a.length; i++) {
    const start = i * length;
    const left = [a, start, needsSquare ? sums.dot(a, start, a, start, length) : 0] as const;
    for (let j = 0; j < columns; j++) {
      out[i * columns + j] = score(sums, metric, left, b, j * length, length);
    }
  }
}

/** {@link NativeBinding.matrix}: halves widen exactly, so their canonical sums are those of the floats. */
export function matrix(
  metric: MatrixMetric,
  a: VectorData,
  b: VectorData,
  dims: number,
  out: Float32Array,
  dtype: Dtype = 'f32',
): void {
  switch (dtype) {
    case 'f32':
      scoreMatrix(floats, metric, a as Float32Array, b as Float32Array, dims, out);
      return;
    case 'f16':
    case 'bf16':
      scoreMatrix(floats, metric, widened(dtype, a), widened(dtype, b), dims, out);
      return;
    case 'i8':
    case 'u8':
      scoreMatrix(integers, metric, a as Int8Array, b as Int8Array, dims, out);
      return;
    case 'b1':
      scoreMatrix(bits, metric, a as Uint8Array, b as Uint8Array, Math.ceil(dims / 8), out);
  }
}

function widened(dtype: 'f16' | 'bf16', data: VectorData): Float32Array {
  const out = new Float32Array(data.length);
  fromHalves(dtype, data as Uint16Array, out);
  return out;
}

const result = new Float32Array(1);

/** {@link NativeBinding.dot} and its sisters. */
export function pair(metric: MatrixMetric, ofBits: boolean) {
  return (a: unknown, b: unknown, choice?: Dtype): number | undefined => {
    if (!isVector(a) || !isVector(b) || a.constructor !== b.constructor || a.length !== b.length) {
      return undefined;
    }
    const dtype = dtypeOf(a, metric, ofBits, choice);
    if (dtype === undefined) return undefined;
    if (dtype === 'f32' && metric === 'dot') {
      return Math.fround(dotSum(a as Float32Array, 0, b as Float32Array, 0, a.length));
    }
    matrix(metric, a, b, dtype === 'b1' ? 8 * a.length : a.length, result, dtype);
    return result[0];
  };
}

function isVector(value: unknown): value is VectorData {
  return (
    (value instanceof Float32Array ||
      value instanceof Uint16Array ||
      value instanceof Int8Array ||
      value instanceof Uint8Array) &&
    value.length > 0 &&
    isArrayBuffer(value.buffer)
  );
}

/** The element type, see {@link NativeBinding.dot}; undefined if the array cannot hold the chosen one. */
function dtypeOf(
  array: VectorData,
  metric: MatrixMetric,
  ofBits: boolean,
  choice: Dtype | undefined,
): Dtype | undefined {
  let possible: Dtype[];
  if (array instanceof Float32Array) possible = ['f32'];
  else if (array instanceof Uint16Array) possible = choice ? ['f16', 'bf16'] : [];
  else if (array instanceof Int8Array) possible = ofBits && metric === 'l1' ? ['b1'] : ['i8'];
  else possible = ofBits ? ['b1'] : ['u8', 'b1'];
  const dtype = choice ?? possible[0];
  return possible.includes(dtype) && (!ofBits || dtype === 'b1') ? dtype : undefined;
}
