// Formats the C++ sources, or with --check fails on those that are not formatted.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const tool = createRequire(import.meta.url).resolve('clang-format/index.js');
const sources = readdirSync(join(root, 'native'), { recursive: true })
  .filter((name) => /\.(cc|h)$/.test(name))
  .map((name) => join(root, 'native', name));
const mode = process.argv.includes('--check') ? ['--dry-run', '--Werror'] : ['-i'];
const run = spawnSync(process.execPath, [tool, ...mode, '--style=file', ...sources], {
  stdio: 'inherit',
  cwd: root,
});
process.exit(run.status ?? 1);
