import { readdir, stat } from 'node:fs/promises';
import { basename, extname, join, relative, resolve, sep } from 'node:path';
import { io } from '../../core/io.js';

/** Files of a kind below a folder, or one file. */
export interface FoundFiles {
  /** Absolute path of the folder that the names are relative to. */
  root: string;
  /** With `/`, sorted, so that an index does not depend on the file system's order. */
  names: string[];
  /** Files that are of another kind by their names. */
  others: number;
}

/**
 * Finds files by their suffixes, in lower case with the dot; whether one is what it is called is found out when it is
 * read. Hidden files and `node_modules` are left out, as for texts.
 */
export async function findFiles(source: string, suffixes: ReadonlySet<string>): Promise<FoundFiles> {
  const path = resolve(source);
  if ((await io(source, () => stat(path))).isFile()) {
    const names = isNamed(path, suffixes) ? [basename(path)] : [];
    return { root: resolve(path, '..'), names, others: 1 - names.length };
  }
  const files: FoundFiles = { root: path, names: [], others: 0 };
  await walk(path, files, suffixes);
  files.names.sort();
  return files;
}

async function walk(folder: string, files: FoundFiles, suffixes: ReadonlySet<string>): Promise<void> {
  for (const entry of await io(folder, () => readdir(folder, { withFileTypes: true }))) {
    if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await walk(path, files, suffixes);
    else if (!entry.isFile()) continue;
    else if (isNamed(path, suffixes)) files.names.push(relative(files.root, path).split(sep).join('/'));
    else files.others++;
  }
}

function isNamed(path: string, suffixes: ReadonlySet<string>): boolean {
  return suffixes.has(extname(path).toLowerCase());
}
