// Builds the addon with cmake-js, in the place where the loader looks first: build/Release/embedlane.node.
//
//   node scripts/build-native.mjs [--if-possible] [--force] [--werror] [--sanitize]
//
// Does nothing if the sources, the flags and Node's ABI-relevant platform have not changed since the last build.
// --werror        a warning is an error; EMBEDLANE_WERROR=1 says the same
// --if-possible   a missing compiler or CMake is a message, not a failure: the TypeScript fallback works
// --sanitize      AddressSanitizer and UBSan; goes to build-sanitize/Release/embedlane.node (load it
//                 with EMBEDLANE_BINDING and the sanitizer runtime preloaded)
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values: options } = parseArgs({
  options: {
    'if-possible': { type: 'boolean', default: false },
    force: { type: 'boolean', default: false },
    werror: { type: 'boolean', default: process.env.EMBEDLANE_WERROR === '1' },
    sanitize: { type: 'boolean', default: false },
  },
});

const buildDirectory = join(root, options.sanitize ? 'build-sanitize' : 'build');
const target = join(buildDirectory, 'Release', 'embedlane.node');
const stampFile = join(buildDirectory, 'embedlane-stamp');

const stamp = fingerprint();
if (
  !options.force &&
  existsSync(target) &&
  existsSync(stampFile) &&
  readFileSync(stampFile, 'utf8') === stamp
) {
  console.log(`addon is up to date: ${target}`);
  process.exit(0);
}

const missing = missingTools();
if (missing.length > 0) giveUp(`Not found: ${missing.join(', ')}.`);

let cmakeJs;
try {
  cmakeJs = createRequire(import.meta.url).resolve('cmake-js/bin/cmake-js');
} catch {
  giveUp('cmake-js not found: run "npm ci" first, with development dependencies.');
}
forgetOtherCheckout();
const before = madeAt();
let result = compile();
// Where nothing was newer than what it had made, the build has left that alone: it links again what is not there.
const former = `${target}.former`;
if (result.status === 0 && before !== undefined && madeAt() === before) {
  renameSync(target, former);
  result = compile();
}
if (result.status !== 0 || madeAt() === undefined) {
  if (existsSync(former)) renameSync(former, target);
  const failure = result.status === 0 ? `The build ended without making ${target}` : 'The compiler failed';
  giveUp(`${failure}:\n\n${`${result.stdout ?? ''}${result.stderr ?? ''}`.trim()}\n`);
}
rmSync(former, { force: true });

writeFileSync(stampFile, stamp);
console.log(`addon built: ${target}`);

function compile() {
  return spawnSync(
    process.execPath,
    [
      cmakeJs,
      'compile',
      '--silent',
      '--out',
      buildDirectory,
      // Make, unlike Ninja, does one thing at a time unless told otherwise.
      '--parallel',
      String(availableParallelism()),
      `--CDEMBEDLANE_WERROR=${options.werror ? 'ON' : 'OFF'}`,
      `--CDEMBEDLANE_SANITIZE=${options.sanitize ? 'address,undefined' : 'OFF'}`,
    ],
    { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
  );
}

/** When the addon that is there was written. */
function madeAt() {
  return statSync(target, { throwIfNoEntry: false })?.mtimeMs;
}

/**
 * A build folder that was copied or moved from elsewhere has that place's absolute paths in its cache: CMake would build
 * that checkout's sources, into that checkout.
 */
function forgetOtherCheckout() {
  const cache = join(buildDirectory, 'CMakeCache.txt');
  if (!existsSync(cache)) return;
  const entries = readFileSync(cache, 'utf8');
  const place = (name) => entries.match(new RegExp(`^${name}:INTERNAL=(.*)$`, 'm'))?.[1].trim() ?? '';
  const wanted = { CMAKE_HOME_DIRECTORY: root, CMAKE_CACHEFILE_DIR: buildDirectory };
  const other = Object.keys(wanted).find((name) => !isSamePlace(place(name), wanted[name]));
  if (other === undefined) return;
  console.log(`${buildDirectory} is from ${place(other) || 'elsewhere'}: building anew`);
  for (const name of ['CMakeCache.txt', 'CMakeFiles']) {
    rmSync(join(buildDirectory, name), { recursive: true, force: true });
  }
}

function isSamePlace(one, other) {
  const real = (path) => (existsSync(path) ? realpathSync.native(path) : resolve(path));
  return one !== '' && real(one) === real(other);
}

/** Changes whenever a rebuild could give something else. */
function fingerprint() {
  const hash = createHash('sha256');
  hash.update(JSON.stringify([process.platform, process.arch, options.werror, options.sanitize]));
  const files = readdirSync(join(root, 'native'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.endsWith('test'))
    .map((entry) => join(entry.parentPath, entry.name));
  for (const file of [join(root, 'CMakeLists.txt'), ...files].sort()) {
    hash.update(file).update(readFileSync(file));
  }
  return hash.digest('hex');
}

function missingTools() {
  const runs = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
  const tools = runs('cmake') ? [] : ['CMake'];
  // On Windows, cmake-js finds Visual Studio by itself and says so if it does not.
  if (process.platform !== 'win32') {
    const compilers = [process.env.CXX, 'c++', 'g++', 'clang++'];
    if (!compilers.some((name) => name && runs(name))) tools.push('a C++ compiler');
    if (!runs('ninja') && !runs('make')) tools.push('ninja or make');
  }
  return tools;
}

function giveUp(reason) {
  const install = {
    linux: [
      'Debian, Ubuntu:  sudo apt-get install g++ cmake ninja-build',
      'Fedora:          sudo dnf install gcc-c++ cmake ninja-build',
      'Alpine:          sudo apk add g++ cmake ninja',
    ],
    darwin: ['xcode-select --install && brew install cmake'],
    win32: ['winget install Microsoft.VisualStudio.2022.BuildTools Kitware.CMake (with the C++ workload)'],
  };
  const lines = [
    `embedlane's addon could not be built. ${reason}`,
    'To build it, install a C++20 compiler (gcc 11, clang 14, Visual Studio 2022 or newer) and CMake 3.19:',
    ...(install[process.platform] ?? ["your system's g++ and cmake"]).map((line) => `  ${line}`),
    'and run: node scripts/build-native.mjs',
  ];
  if (options['if-possible']) {
    lines.push(
      'Until then embedlane uses its TypeScript fallback: the same results, about 30 times slower for one query',
      'and several hundred times slower for many.',
    );
  }
  console.error(lines.join('\n'));
  process.exit(options['if-possible'] ? 0 : 1);
}
