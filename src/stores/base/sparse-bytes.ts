import type { SparseVector } from '../../heads/index.js';

/** Pairs of a 32-bit index and a 32-bit float, little-endian: how Milvus sends sparse vectors. */
export function packSparse({ indices, values }: SparseVector): Buffer {
  const bytes = Buffer.alloc(8 * indices.length);
  indices.forEach((index, i) => {
    bytes.writeUInt32LE(index, 8 * i);
    bytes.writeFloatLE(values[i], 8 * i + 4);
  });
  return bytes;
}

/** What {@link packSparse} has packed. */
export function unpackSparse(bytes: Buffer): SparseVector {
  const length = bytes.length / 8;
  return {
    indices: Uint32Array.from({ length }, (_, i) => bytes.readUInt32LE(8 * i)),
    values: Float32Array.from({ length }, (_, i) => bytes.readFloatLE(8 * i + 4)),
  };
}
