import { EmbedlaneError, invalidArgument } from '../../core/errors.js';
import { isTyped } from '../../core/realms.js';
import { typedArray } from '../../core/validate.js';
import type { SparseVector } from '../../heads/index.js';
import type { CollectionInfo, StoreDtype, StoreVector, StoreVectorInput } from '../types.js';

/**
 * Checks a vector for a collection and copies it into the form that engines take: `Float32Array` of `dims` finite
 * values, for `'b1'` packed bits in a `Uint8Array` of ⌈dims / 8⌉ bytes, for `'sparse'` ascending indices below `dims`
 * and finite values.
 *
 * @throws {EmbedlaneError} `ERR_DIMENSION`, `ERR_DTYPE`, `ERR_INVALID_ARG`, also for a zero vector under cosine, whose
 * direction is not defined and which engines treat differently
 */
export function vectorArgument(name: string, value: unknown, info: CollectionInfo): StoreVector {
  if (info.dtype === 'sparse') return sparseArgument(name, value, info);
  if (info.dtype === 'b1' && isTyped(value, Uint8Array)) return packedBits(name, value, info);
  const vector = floats(name, value, info);
  requireFitting(name, vector, info);
  if (info.dtype === 'b1') return packSigns(vector);
  if (info.metric === 'cosine') refuseZero(name, vector);
  return vector;
}

function floats(name: string, value: unknown, { dims, dtype }: CollectionInfo): Float32Array {
  const isNumbers = Array.isArray(value);
  if (!isNumbers && !ArrayBuffer.isView(value)) {
    const packed = dtype === 'b1' ? ', a Uint8Array of packed bits' : '';
    throw invalidArgument(name, `a Float32Array${packed} or an array of numbers`, value);
  }
  const source = isNumbers ? (value as unknown[]) : typedArray<Float32Array>(name, value, Float32Array);
  requireLength(name, source.length, dims, 'values');
  if (!isNumbers && isFinite32(source as Float32Array)) return copyOf(source as Float32Array);
  const copy = new Float32Array(dims);
  for (let i = 0; i < dims; i++) {
    const item = source[i];
    if (typeof item !== 'number') throw invalidArgument(`${name}[${i}]`, 'a number', item);
    copy[i] = item;
    if (!Number.isFinite(copy[i])) {
      throw invalidArgument(`${name}[${i}]`, 'a finite number in the range of 32-bit floats', item);
    }
  }
  return copy;
}

/** From here on values round to infinity. */
const LIMITS: Partial<Record<StoreDtype, number>> = { f16: 65_520, bf16: 2 ** 128 - 2 ** 119 };

function requireFitting(name: string, vector: Float32Array, { dtype }: CollectionInfo): void {
  const limit = LIMITS[dtype];
  if (limit === undefined) return;
  const wrong = vector.findIndex((value) => Math.abs(value) >= limit);
  if (wrong < 0) return;
  throw invalidArgument(`${name}[${wrong}]`, `a number that '${dtype}' can hold`, vector[wrong]);
}

/** Values that copies share memory for: an ArrayBuffer of its own costs more than what is in it. */
const SHARED_VALUES = 65_536;
let shared = new Float32Array(0);
let used = 0;

function copyOf(values: Float32Array): Float32Array {
  if (values.length > SHARED_VALUES / 16) return values.slice();
  if (used + values.length > shared.length) {
    shared = new Float32Array(SHARED_VALUES);
    used = 0;
  }
  const copy = shared.subarray(used, used + values.length);
  used += values.length;
  copy.set(values);
  return copy;
}

/** One type of array, and nothing to say of it: loops over millions of records spend their time here. */
function isFinite32(values: Float32Array): boolean {
  // What is not finite, times 0, is NaN, and stays it.
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] * 0;
  return sum === 0;
}

function packedBits(name: string, value: Uint8Array, { dims }: CollectionInfo): Uint8Array {
  const bits = typedArray<Uint8Array>(name, value, Uint8Array);
  requireLength(name, bits.length, Math.ceil(dims / 8), 'bytes');
  const copy = new Uint8Array(bits);
  // Bits past the last dimension would count as differences.
  if (dims % 8 !== 0) copy[copy.length - 1] &= 0xff00 >> (dims % 8);
  return copy;
}

/** Bits of the values that are above 0. */
export function packSigns(vector: Float32Array): Uint8Array {
  const bits = new Uint8Array(Math.ceil(vector.length / 8));
  for (let i = 0; i < vector.length; i++) if (vector[i] > 0) bits[i >> 3] |= 0x80 >> (i & 7);
  return bits;
}

function sparseArgument(name: string, value: unknown, { dims }: CollectionInfo): SparseVector {
  const { indices, values } = (value ?? {}) as Partial<SparseVector>;
  if (!isTyped(indices, Uint32Array) || !isTyped(values, Float32Array)) {
    throw invalidArgument(
      name,
      'a sparse vector { indices: Uint32Array, values: Float32Array }',
      value,
      'ERR_DTYPE',
    );
  }
  typedArray(`${name}.indices`, indices, Uint32Array);
  typedArray(`${name}.values`, values, Float32Array);
  requireLength(`${name}.values`, values.length, indices.length, 'values');
  for (let i = 0; i < indices.length; i++) {
    if (indices[i] >= dims || (i > 0 && indices[i] <= indices[i - 1])) {
      throw invalidArgument(`${name}.indices[${i}]`, `ascending indices below ${dims}`, indices[i]);
    }
    if (!Number.isFinite(values[i])) {
      throw invalidArgument(`${name}.values[${i}]`, 'a finite number', values[i]);
    }
  }
  return { indices: indices.slice(), values: values.slice() };
}

function requireLength(name: string, actual: number, expected: number, unit: string): void {
  if (actual === expected) return;
  throw new EmbedlaneError(
    'ERR_DIMENSION',
    `Expected ${expected} ${unit} for ${name} but received ${actual}`,
  );
}

function refuseZero(name: string, vector: Float32Array): void {
  for (let i = 0; i < vector.length; i++) if (vector[i] !== 0) return;
  throw new EmbedlaneError(
    'ERR_INVALID_ARG',
    `Expected a direction for ${name} under metric 'cosine' but received a vector of zeros`,
  );
}

/** Whether `value` can only be meant as a vector. */
export function isVectorInput(value: unknown): value is StoreVectorInput {
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return true;
  return typeof value === 'object' && value !== null && 'indices' in value && 'values' in value;
}
