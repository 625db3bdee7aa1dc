import { EmbedlaneError } from '../../core/errors.js';
import type { OpenFile } from '../storage/files.js';
import { corrupt } from '../storage/format.js';
import type { FileMatrix } from './matrix-file.js';
import { readBytes } from './read-bytes.js';

/** Length of the whole header that we write: one fixed size, so that the row count can be filled in after the rows. */
const HEADER_BYTES = 128;
const MAGIC = Buffer.from('\x93NUMPY', 'latin1');
/** Headers are a line of text; longer ones are not. */
const MAX_HEADER_BYTES = 64 * 1024;

/**
 * Header of a NumPy `.npy` file, version 1.0, for a little-endian float32 matrix in C order.
 *
 * Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
export function npyHeader(rows: number, dims: number): Uint8Array {
  const header = Buffer.alloc(HEADER_BYTES, ' ');
  MAGIC.copy(header);
  header.writeUInt8(1, 6);
  header.writeUInt8(0, 7);
  header.writeUInt16LE(HEADER_BYTES - 10, 8);
  header.write(`{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${dims}), }`, 10, 'latin1');
  header.write('\n', HEADER_BYTES - 1, 'latin1');
  return header;
}

const KINDS = { "'<f4'": 'float32', "'<f2'": 'float16', "'<f8'": 'float64' } as const;

/** Reads the header of a `.npy` file with a two-dimensional array of floats. */
export async function openNpy(file: OpenFile): Promise<FileMatrix> {
  const { path } = file;
  const start = await readBytes(file, 12, 0);
  if (!start.subarray(0, 6).equals(MAGIC) || start[6] < 1 || start[6] > 3) {
    throw corrupt(path, 'a .npy file', 'another one');
  }
  const long = start[6] > 1;
  const headerBytes = long ? start.readUInt32LE(8) : start.readUInt16LE(8);
  if (headerBytes > MAX_HEADER_BYTES) throw corrupt(path, 'a .npy header', `one of ${headerBytes} bytes`);
  const headerAt = long ? 12 : 10;
  const header = (await readBytes(file, headerBytes, headerAt)).toString('latin1');
  const descr = /'descr':\s*('[^']*')/.exec(header)?.[1];
  const shape = /'shape':\s*\(\s*(\d+)\s*,\s*(\d+)\s*,?\s*\)/.exec(header);
  const kind = KINDS[descr as keyof typeof KINDS];
  if (kind === undefined || shape === null || !/'fortran_order':\s*False/.test(header)) {
    throw new EmbedlaneError(
      'ERR_DTYPE',
      `Expected a two-dimensional float array in C order in ${path} but received ${header.trim().slice(0, 80)}`,
    );
  }
  return { kind, rows: Number(shape[1]), dims: Number(shape[2]), offset: headerAt + headerBytes, rowHead: 0 };
}
