// Builds the native tests with CMake (no Node headers needed) and runs them.
//
//   node scripts/test-native.mjs [--sanitize | --races] [--werror]
//
// --sanitize   under AddressSanitizer and UndefinedBehaviorSanitizer
// --races      under ThreadSanitizer
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root, run } from './run.mjs';

const { values: options } = parseArgs({
  options: {
    sanitize: { type: 'boolean', default: false },
    races: { type: 'boolean', default: false },
    werror: { type: 'boolean', default: false },
  },
});
const [sanitizers, suffix] = options.sanitize
  ? ['address,undefined', '-sanitize']
  : options.races
    ? ['thread', '-races']
    : ['OFF', ''];
const directory = join(root, `build-native-tests${suffix}`);

run('cmake', [
  '-S',
  root,
  '-B',
  directory,
  '-DCMAKE_BUILD_TYPE=Release',
  '-DEMBEDLANE_NATIVE_TESTS=ON',
  `-DEMBEDLANE_SANITIZE=${sanitizers}`,
  `-DEMBEDLANE_WERROR=${options.werror ? 'ON' : 'OFF'}`,
]);
run('cmake', ['--build', directory, '--config', 'Release', '--parallel', String(availableParallelism())]);
// Generators for several configurations put the program one folder deeper.
const program = ['', 'Release'].flatMap((folder) =>
  ['embedlane_native_tests', 'embedlane_native_tests.exe'].map((name) => join(directory, folder, name)),
);
run(program.find((path) => existsSync(path)) ?? program[0], []);
