// The texts of a folder, for the other examples.
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

const TEXT = /\.(md|txt|html?|[cm]?[jt]sx?|py|rst)$/;

/** Yields `{ name, text, hash }` of each text below `folder`. */
export async function* textsOf(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile() && TEXT.test(entry.name));
  for (const { parentPath, name } of paths) {
    const path = join(parentPath, name);
    if (path.split(/[\\/]/).includes('node_modules')) continue;
    const text = await readFile(path, 'utf8');
    yield { name: path, text, hash: createHash('sha256').update(text).digest('hex') };
  }
}
