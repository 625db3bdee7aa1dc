// Builds the addon through binding.gyp and runs the kernel tests on that binary: both build systems must give
// the same addon.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const npx = process.platform === 'win32' ? 'npx.cmd' : 'npx';

function run(command, args, env = {}) {
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  if (status !== 0) process.exit(status ?? 1);
}

run(npx, ['node-gyp', 'rebuild', '--silent', '--jobs', 'max']);
run(npx, ['vitest', 'run', 'test/native', 'test/vectors'], {
  EMBEDLANE_BINDING: join(root, 'build/Release/embedlane.node'),
});
