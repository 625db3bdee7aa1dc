import type { SparseVector } from '../../heads/index.js';
import { fromHalf } from '../../native/fallback/half.js';
import { loadBinding } from '../../native/load.js';
import type { CollectionInfo, StoreDtype, StoreMetric, StoreVector } from '../types.js';

/** How pgvector keeps and compares the vectors of one dtype. */
export interface PgVectorType {
  /** The column's type. */
  sql(dims: number): string;
  /** Prefix of the operator classes: `vector_cosine_ops`. */
  readonly family: string;
  /** Widest vector that an HNSW or IVFFlat index takes. */
  readonly indexedDims: number;
  /** What `COPY` in binary format takes, as the type's `_recv` reads it. */
  toBinary(vector: StoreVector, dims: number): Buffer;
  toText(vector: StoreVector, dims: number): string;
  fromText(text: string, dims: number): StoreVector;
}

const floats: PgVectorType = {
  sql: (dims) => `vector(${dims})`,
  family: 'vector',
  indexedDims: 2000,
  toBinary(vector) {
    const values = vector as Float32Array;
    const bytes = denseBytes(values);
    bytes.subarray(4).swap32();
    return bytes;
  },
  toText: (vector) => `[${(vector as Float32Array).join(',')}]`,
  fromText: (text) => Float32Array.from(JSON.parse(text) as number[]),
};

const halves: PgVectorType = {
  ...floats,
  sql: (dims) => `halfvec(${dims})`,
  family: 'halfvec',
  indexedDims: 4000,
  toBinary(vector) {
    const bytes = denseBytes(toHalves(vector as Float32Array));
    bytes.subarray(4).swap16();
    return bytes;
  },
};

const bits: PgVectorType = {
  sql: (dims) => `bit(${dims})`,
  family: 'bit',
  indexedDims: 64_000,
  toBinary(vector, dims) {
    const bytes = Buffer.alloc(4 + (vector as Uint8Array).length);
    bytes.writeInt32BE(dims);
    bytes.set(vector as Uint8Array, 4);
    return bytes;
  },
  toText(vector, dims) {
    return Array.from(vector as Uint8Array, (byte) => byte.toString(2).padStart(8, '0'))
      .join('')
      .slice(0, dims);
  },
  fromText(text, dims) {
    const padded = text.padEnd(8 * Math.ceil(dims / 8), '0');
    return Uint8Array.from({ length: padded.length / 8 }, (_, i) =>
      Number.parseInt(padded.slice(8 * i, 8 * i + 8), 2),
    );
  },
};

const sparse: PgVectorType = {
  sql: (dims) => `sparsevec(${dims})`,
  family: 'sparsevec',
  // Rows are only indexed with at most 1,000 values, which nobody promises.
  indexedDims: 0,
  toBinary(vector, dims) {
    const { indices, values } = withoutZeros(vector as SparseVector);
    const bytes = Buffer.alloc(12 + 8 * indices.length);
    bytes.writeInt32BE(dims);
    bytes.writeInt32BE(indices.length, 4);
    indices.forEach((index, i) => {
      bytes.writeInt32BE(index, 12 + 4 * i);
      bytes.writeFloatBE(values[i], 12 + 4 * (indices.length + i));
    });
    return bytes;
  },
  toText(vector, dims) {
    const { indices, values } = vector as SparseVector;
    return `{${Array.from(indices, (index, i) => `${index + 1}:${values[i]}`).join(',')}}/${dims}`;
  },
  fromText(text) {
    const pairs = text
      .slice(1, text.indexOf('}'))
      .split(',')
      .filter((pair) => pair !== '');
    return {
      indices: Uint32Array.from(pairs, (pair) => Number.parseInt(pair, 10) - 1),
      values: Float32Array.from(pairs, (pair) => Number(pair.slice(pair.indexOf(':') + 1))),
    };
  },
};

export const PG_TYPES: Partial<Record<StoreDtype, PgVectorType>> = {
  f32: floats,
  f16: halves,
  b1: bits,
  sparse,
};

export function pgType({ dtype }: CollectionInfo): PgVectorType {
  return PG_TYPES[dtype] as PgVectorType;
}

/** An operator of pgvector, the ending of its operator class, and the score from its result. */
export interface PgDistance {
  readonly operator: string;
  readonly opclass: string;
  score(distance: number): number;
}

export const PG_DISTANCES: Record<StoreMetric, PgDistance> = {
  cosine: { operator: '<=>', opclass: 'cosine_ops', score: (distance) => 1 - distance },
  dot: { operator: '<#>', opclass: 'ip_ops', score: (distance) => -distance },
  l2: { operator: '<->', opclass: 'l2_ops', score: (distance) => distance },
  hamming: { operator: '<~>', opclass: 'hamming_ops', score: (distance) => distance },
};

/** The header of a dense vector, and its values as they are here: little-endian on every platform that we build for. */
function denseBytes(values: Float32Array | Uint16Array): Buffer {
  const bytes = Buffer.allocUnsafe(4 + values.byteLength);
  bytes.writeInt16BE(values.length);
  bytes.writeInt16BE(0, 2);
  bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), 4);
  return bytes;
}

function toHalves(values: Float32Array): Uint16Array {
  const out = new Uint16Array(values.length);
  loadBinding().toHalf('f16', values as Float32Array<ArrayBuffer>, out);
  return out;
}

/** Values as a float16 column keeps them. */
export function roundedToHalf(values: Float32Array): Float32Array {
  return Float32Array.from(toHalves(values), (half) => fromHalf('f16', half));
}

/** pgvector refuses zeros in the binary form of sparse vectors. */
function withoutZeros({ indices, values }: SparseVector): SparseVector {
  const kept = Array.from(indices.keys()).filter((i) => values[i] !== 0);
  return {
    indices: Uint32Array.from(kept, (i) => indices[i]),
    values: Float32Array.from(kept, (i) => values[i]),
  };
}
