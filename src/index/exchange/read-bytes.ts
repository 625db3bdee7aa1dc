import type { OpenFile } from '../storage/files.js';
import { corrupt } from '../storage/format.js';

/** Reads so many bytes; fewer are a damaged file. */
export async function readBytes(
  file: OpenFile,
  length: number,
  position: number,
): Promise<Buffer<ArrayBuffer>> {
  const bytes = Buffer.alloc(length);
  if ((await file.read(bytes, position)) !== length) throw corrupt(file.path, 'a longer file', 'its end');
  return bytes;
}
