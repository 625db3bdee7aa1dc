// The gate before publishing: every platform's binary is there and is what that platform can load, together they are
// small; the one for this machine passes the native tests, and those that can be run elsewhere equal the fallback.
//
//   npm run prebuild && npm run prepublish-check [-- --require-all]
//
// --require-all   a platform that could be run here with something installed, and was not, is a failure
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { checkBinary } from './check-binary.mjs';
import { loadWithMusl } from './musl-loader.mjs';
import { runElsewhere } from './run-elsewhere.mjs';
import { TARGETS } from './targets.mjs';

/** Bytes of all binaries together: every install has them. */
const MAX_TOTAL = 8e6;

/** Platforms that nothing emulates here. */
const FORMAT_ONLY = new Set(['darwin-x64', 'darwin-arm64', 'win32-arm64']);

const { values: options } = parseArgs({ options: { 'require-all': { type: 'boolean', default: false } } });
const here = `${process.platform}-${process.arch}`;
const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const problems = [];
let total = 0;
for (const platform of Object.keys(TARGETS)) {
  const file = join(root, 'prebuilds', platform, 'embedlane.node');
  if (!existsSync(file)) {
    problems.push(`${platform}: no binary; run 'npm run prebuild'`);
    continue;
  }
  total += statSync(file).size;
  try {
    checkBinary(platform, file);
    const { ran, note } =
      platform === here ? { ran: true, note: 'tested below' } : runElsewhere(platform, file);
    const said = ran ? note : `${await loaded(platform, file)}, never run: ${note}`;
    console.log(`${ran ? '✓' : '?'} ${platform.padEnd(17)} ${said}`);
    if (!ran && options['require-all'] && !FORMAT_ONLY.has(platform)) problems.push(`${platform}: ${note}`);
  } catch (error) {
    problems.push(error.message);
  }
}
if (total > MAX_TOTAL) problems.push(`All binaries together have ${total} bytes, more than ${MAX_TOTAL}`);

const own = join(root, 'prebuilds', here, 'embedlane.node');
if (problems.length === 0 && existsSync(own)) {
  const env = { ...process.env, EMBEDLANE_BINDING: own, EMBEDLANE_REQUIRE_NATIVE: '1' };
  const vitest = spawnSync('npx', ['vitest', 'run', 'test/native', 'test/vectors'], {
    cwd: root,
    env,
    stdio: 'inherit',
  });
  if (vitest.status !== 0) problems.push(`${own} does not pass the native tests`);
}
for (const problem of problems) console.error(`✗ ${problem}`);
process.exitCode = problems.length > 0 ? 1 : 0;

/** What can be said of a binary that no Node of its platform could run here. */
async function loaded(platform, file) {
  const musl = process.env.EMBEDLANE_MUSL_X86_64 ?? '/lib/ld-musl-x86_64.so.1';
  if (platform !== 'linux-x64-musl' || here !== 'linux-x64' || !existsSync(musl))
    return 'checked by its format';
  return `loaded by a program linked with musl, which says ${await loadWithMusl(join(root, 'build-zig'), [musl], 'x86_64', file)}`;
}
