import { readdir, stat } from 'node:fs/promises';
import { basename, extname, join, relative, resolve, sep } from 'node:path';
import { io } from '../../core/io.js';

/** Suffixes that say "picture"; whether it is one is decided by the content, when it is decoded. */
const SUFFIXES = new Set(['.jpg', '.jpeg', '.png', '.webp', '.gif', '.tif', '.tiff', '.avif']);

/** Pictures below a folder, or one picture. */
export interface ImageFiles {
  /** Absolute path of the folder that the names are relative to. */
  root: string;
  /** With `/`, sorted, so that an index does not depend on the file system's order. */
  names: string[];
  /** Files that are no pictures by their names. */
  others: number;
}

/** Finds pictures; hidden files and `node_modules` are left out, as for texts. */
export async function findImages(source: string): Promise<ImageFiles> {
  const path = resolve(source);
  if ((await io(source, () => stat(path))).isFile()) {
    const names = isImageName(path) ? [basename(path)] : [];
    return { root: resolve(path, '..'), names, others: 1 - names.length };
  }
  const files: ImageFiles = { root: path, names: [], others: 0 };
  await walk(path, files);
  files.names.sort();
  return files;
}

async function walk(folder: string, files: ImageFiles): Promise<void> {
  for (const entry of await io(folder, () => readdir(folder, { withFileTypes: true }))) {
    if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await walk(path, files);
    else if (!entry.isFile()) continue;
    else if (isImageName(path)) files.names.push(relative(files.root, path).split(sep).join('/'));
    else files.others++;
  }
}

function isImageName(path: string): boolean {
  return SUFFIXES.has(extname(path).toLowerCase());
}
