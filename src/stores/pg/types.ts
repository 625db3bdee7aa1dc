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
  /** Bytes of the vector as `COPY` in binary format takes it. */
  binaryBytes(vector: StoreVector, dims: number): number;
  /** Writes those, as the type's `_recv` reads them. */
  writeBinary(vector: StoreVector, dims: number, out: Buffer, at: number): void;
  toText(vector: StoreVector, dims: number): string;
  fromText(text: string, dims: number): StoreVector;
}

const floats: PgVectorType = {
  sql: (dims) => `vector(${dims})`,
  family: 'vector',
  indexedDims: 2000,
  binaryBytes: (_, dims) => 4 + 4 * dims,
  writeBinary: (vector, _, out, at) => void writeDense(vector as Float32Array, out, at).swap32(),
  toText: (vector) => `[${(vector as Float32Array).join(',')}]`,
  fromText: (text) => Float32Array.from(JSON.parse(text) as number[]),
};

const halves: PgVectorType = {
  ...floats,
  sql: (dims) => `halfvec(${dims})`,
  family: 'halfvec',
  indexedDims: 4000,
  binaryBytes: (_, dims) => 4 + 2 * dims,
  writeBinary: (vector, _, out, at) => void writeDense(toHalves(vector as Float32Array), out, at).swap16(),
};

const bits: PgVectorType = {
  sql: (dims) => `bit(${dims})`,
  family: 'bit',
  indexedDims: 64_000,
  binaryBytes: (vector) => 4 + (vector as Uint8Array).length,
  writeBinary(vector, dims, out, at) {
    out.writeInt32BE(dims, at);
    out.set(vector as Uint8Array, at + 4);
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
  binaryBytes: (vector) => 12 + 8 * withoutZeros(vector as SparseVector).indices.length,
  writeBinary(vector, dims, out, at) {
    const { indices, values } = withoutZeros(vector as SparseVector);
    out.writeInt32BE(dims, at);
    out.writeInt32BE(indices.length, at + 4);
    out.writeInt32BE(0, at + 8);
    indices.forEach((index, i) => {
      out.writeInt32BE(index, at + 12 + 4 * i);
      out.writeFloatBE(values[i], at + 12 + 4 * (indices.length + i));
    });
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

/**
 * Writes the header of a dense vector, and its values as they are here: little-endian on every platform that we build
 * for.
 *
 * @returns the values' bytes
 */
function writeDense(values: Float32Array | Uint16Array, out: Buffer, at: number): Buffer {
  out.writeInt16BE(values.length, at);
  out.writeInt16BE(0, at + 2);
  const bytes = out.subarray(at + 4, at + 4 + values.byteLength);
  bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
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
