import { invalidArgument } from '../../core/errors.js';
import { isTyped } from '../../core/realms.js';
import type { SparseVector } from '../../heads/index.js';
import { loadBinding } from '../../native/load.js';
import type { CollectionInfo, StoreVector } from '../types.js';

type ByteDtype = 'f16' | 'bf16' | 'i8' | 'b1';

/** Vectors one after the other, in the bytes that Milvus keeps. */
export function packedVectors(vectors: readonly (Float32Array | Uint8Array)[], dtype: ByteDtype): Buffer {
  const width = vectors[0].length;
  const ArrayType = { f16: Float32Array, bf16: Float32Array, i8: Int8Array, b1: Uint8Array }[dtype];
  const all = new ArrayType(vectors.length * width);
  vectors.forEach((vector, i) => {
    all.set(vector, i * width);
  });
  if (!(all instanceof Float32Array)) return Buffer.from(all.buffer);
  const halves = new Uint16Array(all.length);
  loadBinding().toHalf(dtype as 'f16' | 'bf16', all, halves);
  return Buffer.from(halves.buffer);
}

/** A query's vector; checked as those of records are. */
export function encodeQuery(vector: StoreVector, info: CollectionInfo): unknown {
  requireFitting('query', vector, info);
  const { dtype } = info;
  return dtype === 'f32' || dtype === 'sparse' ? vector : packedVectors([vector as Float32Array], dtype);
}

/** @throws {EmbedlaneError} `ERR_INVALID_ARG` for a value that a field of the collection's dtype cannot hold */
export function requireFitting(name: string, vector: StoreVector, { dtype }: CollectionInfo): void {
  if (dtype !== 'i8' && dtype !== 'sparse') return;
  const { fits, expected } = RANGES[dtype];
  const values = 'indices' in vector ? vector.values : (vector as Float32Array);
  const wrong = values.findIndex((value) => !fits(value));
  if (wrong >= 0) throw invalidArgument(`${name}[${wrong}]`, expected, values[wrong]);
}

const RANGES = {
  i8: {
    fits: (value: number) => Number.isInteger(value) && value >= -128 && value <= 127,
    expected: 'a whole number in -128 … 127',
  },
  sparse: { fits: (value: number) => value >= 0, expected: 'a number from 0 on, as Milvus has it,' },
};

/** What the SDK gives, with the transformers of {@link halfTransformers}. */
export function decodeVector(value: unknown, { dtype }: CollectionInfo): StoreVector {
  if (dtype === 'b1') return Uint8Array.from(value as number[]);
  if (dtype === 'sparse') return decodeSparse(value as Record<string, number>);
  return isTyped(value, Float32Array) ? value : Float32Array.from(value as number[]);
}

/** Integer keys of an object come in ascending order, as indices have to be. */
function decodeSparse(value: Record<string, number>): SparseVector {
  return {
    indices: Uint32Array.from(Object.keys(value), Number),
    values: Float32Array.from(Object.values(value)),
  };
}

/** Without these the SDK makes arrays of numbers. */
export const HALF_TRANSFORMERS: Record<number, (bytes: Uint8Array) => Float32Array> = {
  // DataType.Float16Vector and DataType.BFloat16Vector
  102: (bytes) => fromHalves('f16', bytes),
  103: (bytes) => fromHalves('bf16', bytes),
};

function fromHalves(dtype: 'f16' | 'bf16', bytes: Uint8Array): Float32Array {
  // A copy, because the bytes may start at an odd place of their buffer.
  const halves = new Uint16Array(new Uint8Array(bytes).buffer);
  const out = new Float32Array(halves.length);
  loadBinding().fromHalf(dtype, halves, out);
  return out;
}
