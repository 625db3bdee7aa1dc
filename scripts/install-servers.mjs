// Installs the servers that the tests of the stores start, from PyPI into build-servers/: Milvus Lite, the older one
// whose core is Milvus' own (it has 16-bit and binary vectors), and seekdb; and Python's huggingface_hub; or those of them
// that are named. Does nothing where they are there.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SERVERS, serversFolder } from '../test/stores/servers/installed.mjs';

const wanted = process.argv.slice(2);

for (const [name, packages] of Object.entries(SERVERS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const folder = join(serversFolder, name);
  const stamp = join(folder, 'installed.txt');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === packages.join('\n')) continue;
  rmSync(folder, { recursive: true, force: true });
  execFileSync('python3', ['-m', 'venv', folder], { stdio: ['ignore', 'ignore', 'inherit'] });
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--only-binary=:all:'];
  execFileSync(join(folder, 'bin/python'), [...pip, ...packages], { stdio: ['ignore', 'ignore', 'inherit'] });
  writeFileSync(stamp, packages.join('\n'));
  console.log(`installed ${packages.join(', ')}`);
}
