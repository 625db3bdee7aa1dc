import type { Embeddings } from '../../core/embeddings.js';
import type { OpenFile } from '../storage/files.js';
import { corrupt } from '../storage/format.js';

/** A matrix in a file: where it is and what of. */
export interface FileMatrix {
  kind: 'float32' | 'float16' | 'bfloat16' | 'float64';
  rows: number;
  dims: number;
  /** Where the first row begins. */
  offset: number;
  /** Bytes before the values of each row; they hold the row's length. */
  rowHead: number;
}

export const ELEMENT_BYTES = { float32: 4, float16: 2, bfloat16: 2, float64: 8 } as const;

export type VectorBatch = Embeddings<'float32' | 'float16' | 'bfloat16'>;

export async function readBytes(
  file: OpenFile,
  length: number,
  position: number,
): Promise<Buffer<ArrayBuffer>> {
  const bytes = Buffer.alloc(length);
  if ((await file.read(bytes, position)) !== length) throw corrupt(file.path, 'a longer file', 'its end');
  return bytes;
}
