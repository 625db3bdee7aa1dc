// Builds the addon through binding.gyp and runs the kernel tests on that binary: both build systems must give
// the same addon. It is built beside the repository's own, which others may be using.
import { cpSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from './run.mjs';

const npx = process.platform === 'win32' ? 'npx.cmd' : 'npx';
const folder = join(root, 'build-node-gyp');

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder);
for (const name of ['binding.gyp', 'package.json', 'native']) {
  cpSync(join(root, name), join(folder, name), { recursive: true });
}
symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction');
run(npx, ['node-gyp', 'rebuild', '--directory', folder, '--silent', '--jobs', 'max']);
run(npx, ['vitest', 'run', 'test/native', 'test/vectors'], {
  EMBEDLANE_BINDING: join(folder, 'build/Release/embedlane.node'),
});
