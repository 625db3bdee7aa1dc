/**
 * Installs the packages that benchmarks compare with, into this folder only.
 *
 *   node bench/peers/install.mjs             npm packages (about 760 MB)
 *   node bench/peers/install.mjs --faiss     faiss and NumPy too, in .venv (about 100 MB)
 *   node bench/peers/install.mjs --python    sentence-transformers too, in .venv (several GB on Linux x64, where
 *                                            PyPI's torch brings CUDA libraries that a CPU does not need)
 *   node bench/peers/install.mjs --postgres  psycopg too, in .venv-postgres (about 100 MB)
 *   node bench/peers/install.mjs --infinity  infinity too, in .venv-infinity, as large again
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = fileURLToPath(new URL('.', import.meta.url));
const windows = process.platform === 'win32';
const { values } = parseArgs({
  options: {
    python: { type: 'boolean', default: false },
    faiss: { type: 'boolean', default: false },
    postgres: { type: 'boolean', default: false },
    infinity: { type: 'boolean', default: false },
  },
});

function run(command, ...args) {
  if (!attempt(command, ...args)) process.exit(1);
}

function attempt(command, ...args) {
  console.log(`> ${command} ${args.join(' ')}`);
  const { status, error } = spawnSync(command, args, { cwd: here, stdio: 'inherit', shell: windows });
  if (error || status !== 0) console.error(error?.message ?? `${command} ended with ${status}`);
  return status === 0;
}

// Install scripts are not needed (every binary is inside its package) and one of them downloads CUDA libraries.
// No lock file: it would name one registry; the versions that matter are exact in package.json.
run('npm', 'install', '--ignore-scripts', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error');
// The one without prebuilt binaries. Without a compiler there is one peer less, and benchmarks say so.
attempt('npm', 'rebuild', 'hnswlib-node', '--ignore-scripts=false', '--loglevel=error');

function environment(folder, ...requirements) {
  const python = `${here}${folder}/${windows ? 'Scripts/python.exe' : 'bin/python'}`;
  if (!existsSync(python)) run(windows ? 'python' : 'python3', '-m', 'venv', folder);
  for (const file of requirements) run(python, '-m', 'pip', 'install', '--no-input', '-r', file);
}

if (values.python || values.faiss) environment('.venv', 'requirements-vectors.txt');
if (values.python) environment('.venv', 'requirements.txt');
if (values.postgres) environment('.venv-postgres', 'requirements-postgres.txt');
if (values.infinity) environment('.venv-infinity', 'requirements-infinity.txt');
