import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));

/** Where scripts/install-servers.mjs puts the servers. */
export const serversFolder = process.env.EMBEDLANE_TEST_SERVERS ?? join(root, 'build-servers');

/** Packages by environment: the two versions of Milvus Lite have one name. */
export const SERVERS = {
  milvus: ['milvus-lite==3.2.2', 'pymilvus==3.0.2'],
  'milvus-2.5': ['milvus-lite==2.5.1'],
  seekdb: ['pylibseekdb==1.4.0.post1'],
  // No server: what shares its cache of models with us.
  hub: ['huggingface_hub==2.4.0'],
};

/** A path below an environment's folder of packages, or undefined if it is not installed. */
export function installed(name, ...path) {
  const lib = join(serversFolder, name, 'lib');
  if (!existsSync(join(serversFolder, name, 'installed.txt'))) return undefined;
  const [python] = readdirSync(lib);
  const found = join(lib, python, 'site-packages', ...path);
  return existsSync(found) ? found : undefined;
}

/** A command of an environment, or undefined if it is not installed. */
export function command(name, file) {
  const found = join(serversFolder, name, 'bin', file);
  return existsSync(join(serversFolder, name, 'installed.txt')) && existsSync(found) ? found : undefined;
}
