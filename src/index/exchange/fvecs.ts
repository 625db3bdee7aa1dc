import type { OpenFile } from '../storage/files.js';
import { corrupt } from '../storage/format.js';
import type { FileMatrix } from './matrix-file.js';
import { readBytes } from './read-bytes.js';

/** Each row of an `.fvecs` file begins with its length as an int32. Format: http://corpus-texmex.irisa.fr */
export const FVECS_HEAD = 4;

export async function openFvecs(file: OpenFile): Promise<FileMatrix> {
  const size = await file.size();
  if (size === 0) return { kind: 'float32', rows: 0, dims: 0, offset: 0, rowHead: FVECS_HEAD };
  const dims = (await readBytes(file, FVECS_HEAD, 0)).readInt32LE(0);
  const rowBytes = FVECS_HEAD + dims * 4;
  if (dims < 1 || size % rowBytes !== 0) {
    throw corrupt(
      file.path,
      'an .fvecs file of rows of one length',
      `${size} bytes and rows of ${dims} values`,
    );
  }
  return { kind: 'float32', rows: size / rowBytes, dims, offset: 0, rowHead: FVECS_HEAD };
}
