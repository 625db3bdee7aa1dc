// Builds the addon through binding.gyp and runs the kernel tests on that binary: both build systems must give
// the same addon.
import { join } from 'node:path';
import { root, run } from './run.mjs';

const npx = process.platform === 'win32' ? 'npx.cmd' : 'npx';

run(npx, ['node-gyp', 'rebuild', '--silent', '--jobs', 'max']);
run(npx, ['vitest', 'run', 'test/native', 'test/vectors'], {
  EMBEDLANE_BINDING: join(root, 'build/Release/embedlane.node'),
});
