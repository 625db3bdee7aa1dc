// The gate before publishing: every platform's binary is there and is what that platform can load, together they are
// small, and the one for this machine passes the native tests. Run it after the binaries were built:
//
//   npm run prebuilds && npm run prepublish-check
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkBinary } from './check-binary.mjs';
import { TARGETS } from './targets.mjs';

/** Bytes of all binaries together: every install has them. */
const MAX_TOTAL = 8e6;

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const problems = [];
let total = 0;
for (const platform of Object.keys(TARGETS)) {
  const file = join(root, 'prebuilds', platform, 'embedlane.node');
  if (!existsSync(file)) {
    problems.push(`${platform}: no binary; run 'npm run prebuilds'`);
    continue;
  }
  total += statSync(file).size;
  try {
    checkBinary(platform, file);
    console.log(`✓ ${platform}`);
  } catch (error) {
    problems.push(error.message);
  }
}
if (total > MAX_TOTAL) problems.push(`All binaries together have ${total} bytes, more than ${MAX_TOTAL}`);

const here = join(root, 'prebuilds', `${process.platform}-${process.arch}`, 'embedlane.node');
if (problems.length === 0 && existsSync(here)) {
  const env = { ...process.env, EMBEDLANE_BINDING: here, EMBEDLANE_BACKEND: 'native' };
  const vitest = spawnSync('npx', ['vitest', 'run', 'test/native', 'test/vectors'], {
    cwd: root,
    env,
    stdio: 'inherit',
  });
  if (vitest.status !== 0) problems.push(`${here} does not pass the native tests`);
}
for (const problem of problems) console.error(`✗ ${problem}`);
process.exitCode = problems.length > 0 ? 1 : 0;
