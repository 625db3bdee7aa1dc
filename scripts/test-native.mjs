// Builds the native tests with CMake (no Node headers needed) and runs them.
//
//   node scripts/test-native.mjs [--sanitize] [--werror]
//
// --sanitize   under AddressSanitizer and UndefinedBehaviorSanitizer
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root, run } from './run.mjs';

const { values: options } = parseArgs({
  options: {
    sanitize: { type: 'boolean', default: false },
    werror: { type: 'boolean', default: false },
  },
});
const directory = join(root, options.sanitize ? 'build-native-tests-sanitize' : 'build-native-tests');

run('cmake', [
  '-S',
  root,
  '-B',
  directory,
  '-DCMAKE_BUILD_TYPE=Release',
  '-DEMBEDLANE_NATIVE_TESTS=ON',
  `-DEMBEDLANE_SANITIZE=${options.sanitize ? 'ON' : 'OFF'}`,
  `-DEMBEDLANE_WERROR=${options.werror ? 'ON' : 'OFF'}`,
]);
run('cmake', ['--build', directory, '--config', 'Release', '--parallel', String(availableParallelism())]);
// Generators for several configurations put the program one folder deeper.
const program = ['', 'Release'].flatMap((folder) =>
  ['embedlane_native_tests', 'embedlane_native_tests.exe'].map((name) => join(directory, folder, name)),
);
run(program.find((path) => existsSync(path)) ?? program[0], []);
