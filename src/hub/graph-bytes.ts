import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { externalData } from './selection.js';

/** Bytes of a graph's file and of the files beside it that hold its weights. */
export async function graphBytes(file: string): Promise<number> {
  const folder = dirname(file);
  const name = basename(file);
  const files = [name, ...externalData(await readdir(folder), name)];
  const sizes = await Promise.all(files.map(async (each) => (await stat(join(folder, each))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
