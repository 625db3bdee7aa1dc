import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { peersFolder, peerVersion } from './machine.mjs';

function interpreter(environment) {
  const file = process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python';
  return fileURLToPath(new URL(`${environment}/${file}`, peersFolder));
}

/** What is not installed, so that a table without a peer never looks like a table that has no such peer. */
const missing = new Map();

/**
 * Version of an installed peer, or undefined after noting that it is missing.
 *
 * @param addon the file that a compiler makes of it, for a peer without prebuilt binaries
 */
export function peer(name, addon) {
  const version = peerVersion(name);
  const isBuilt = !addon || existsSync(new URL(`node_modules/${name}/${addon}`, peersFolder));
  if (version && isBuilt) return version;
  missing.set(name, `npm run bench:peers${version ? ', with a C++ compiler and Python' : ''}`);
  return undefined;
}

/**
 * The interpreter that has the peers in Python, or undefined after noting that this one is missing.
 *
 * @param own whether it is in an environment of its own
 */
export function pythonPeer(name = 'sentence-transformers', module = 'sentence_transformers', own = false) {
  const python = interpreter(own ? `.venv-${name}` : '.venv');
  const find = `import importlib.util, sys; sys.exit(importlib.util.find_spec('${module}') is None)`;
  if (existsSync(python) && spawnSync(python, ['-c', find]).status === 0) return python;
  const vectors = module === 'faiss' || module === 'numpy';
  const option = own ? name : vectors ? 'faiss' : 'python';
  missing.set(`${name} (Python)`, `npm run bench:peers -- --${option}`);
  return undefined;
}

/** Notes what is missing, and the command that installs it. */
export function noteMissing(name, command) {
  missing.set(name, command);
}

export function reportMissing() {
  for (const [name, command] of missing) {
    console.log(`!! NOT MEASURED: ${name} is not installed. To install it: ${command}`);
  }
}
