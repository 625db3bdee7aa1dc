import { EmbedlaneError } from '../../core/errors.js';

/** Length of the whole header: one fixed size, so that the row count can be filled in after the rows. */
const HEADER_BYTES = 128;
const MAGIC = Buffer.from('\x93NUMPY', 'latin1');

/**
 * Header of a NumPy `.npy` file, version 1.0, for a little-endian float32 matrix in C order.
 *
 * Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
export function npyHeader(rows: number, dims: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES, ' ');
  MAGIC.copy(header);
  header.writeUInt8(1, 6);
  header.writeUInt8(0, 7);
  header.writeUInt16LE(HEADER_BYTES - 10, 8);
  header.write(`{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${dims}), }`, 10, 'latin1');
  header.write('\n', HEADER_BYTES - 1, 'latin1');
  return header;
}

/** A parsed matrix: `data` is row-major, `rows × dims`. */
export interface NpyMatrix {
  data: Float32Array<ArrayBuffer>;
  rows: number;
  dims: number;
}

/**
 * Parses a float32 matrix from the bytes of a `.npy` file.
 *
 * @throws {EmbedlaneError} `ERR_CORRUPT` when the bytes are not exactly such a file
 */
export function parseNpy(bytes: Buffer, name: string): NpyMatrix {
  const corrupt = (why: string) =>
    new EmbedlaneError('ERR_CORRUPT', `Expected a float32 .npy matrix in ${name} but received ${why}`);
  if (bytes.length < 10 || !bytes.subarray(0, 6).equals(MAGIC) || bytes[6] !== 1) {
    throw corrupt('a file with another beginning');
  }
  const start = 10 + bytes.readUInt16LE(8);
  const header = bytes.subarray(10, start).toString('latin1');
  const shape = /'shape': \((\d+), (\d+)\)/.exec(header);
  if (!shape || !header.includes("'descr': '<f4'") || !header.includes("'fortran_order': False")) {
    throw corrupt('another header');
  }
  const rows = Number(shape[1]);
  const dims = Number(shape[2]);
  if (bytes.length - start !== rows * dims * 4) {
    throw corrupt(`${bytes.length - start} bytes of data for ${rows} × ${dims} values`);
  }
  // A copy, because a file's bytes need not lie at a multiple of four.
  const data = new Float32Array(rows * dims);
  Buffer.from(data.buffer).set(bytes.subarray(start));
  return { data, rows, dims };
}
