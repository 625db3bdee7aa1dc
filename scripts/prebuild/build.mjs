// Builds the addon for every platform on one machine, with Zig as the cross compiler:
//
//   node scripts/prebuild/build.mjs [platform…]      all of scripts/prebuild/targets.mjs if none is named
//
// The same sources give the same bytes. Results go to prebuilds/<platform>/embedlane.node.
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkBinary } from './check-binary.mjs';
import { TARGETS } from './targets.mjs';
import { findZig } from './zig.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const work = join(root, 'build-zig');
const require = createRequire(import.meta.url);
const sources = JSON.parse(readFileSync(join(root, 'native/sources.json'), 'utf8'));
const headers = [require('node-addon-api').include_dir, require('node-api-headers').include_dir];
const definitions = require('node-api-headers').def_paths;

/** Groups whose speed hardly anybody notices: glue, and what is for processors without AVX2 or NEON. */
const SMALL = ['addon', 'scalar'];

/** Groups whose functions throw nothing: how to go back through their frames is of use to debuggers only, and takes 9 kB. */
const isKernel = (group) => group !== 'core' && group !== 'addon';

const platforms = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(TARGETS);
const unknown = platforms.filter((platform) => !Object.hasOwn(TARGETS, platform));
if (unknown.length > 0) {
  console.error(
    `Expected platforms among ${Object.keys(TARGETS).join(', ')} but received ${unknown.join(', ')}`,
  );
  process.exit(2);
}
const zig = findZig(work);
for (const platform of platforms) {
  const started = performance.now();
  try {
    const file = await build(platform, TARGETS[platform]);
    checkBinary(platform, file);
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    console.log(`${platform.padEnd(17)} ${(statSync(file).size / 1e6).toFixed(2)} MB  ${seconds} s`);
  } catch (error) {
    console.error(`${platform.padEnd(17)} ${error.message}`);
    process.exitCode = 1;
  }
}

async function build(platform, target) {
  const folder = join(work, platform);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });

  const groups = Object.entries(sources.groups).filter(
    ([, { arch }]) => arch === undefined || arch === target.arch,
  );
  const jobs = groups.flatMap(([name, group]) =>
    group.sources.map((source) => {
      const object = join(folder, `${source.replaceAll('/', '-')}.o`);
      return { object, args: compileArguments(target, name, group, source, object) };
    }),
  );
  await parallel(jobs, ({ args }) => zig.run(args));

  const linked = join(folder, 'embedlane.node');
  const objects = jobs.map(({ object }) => object);
  await zig.run([
    'c++',
    ...(await linkArguments(target, folder)),
    '-o',
    linked,
    ...objects,
    ...(await imports(target, folder)),
  ]);

  const finished = join(root, 'prebuilds', platform, 'embedlane.node');
  mkdirSync(dirname(finished), { recursive: true });
  // Renamed, not overwritten: a process that has the old one loaded keeps its pages.
  copyFileSync(linked, `${finished}.new`);
  renameSync(`${finished}.new`, finished);
  return finished;
}

function compileArguments(target, name, group, source, object) {
  const addon =
    name === 'addon'
      ? [...sources.defines.map((define) => `-D${define}`), ...headers.flatMap((path) => ['-isystem', path])]
      : [];
  return [
    'c++',
    ...['-target', target.zig, `-std=${sources.standard}`, '-c', '-fPIC'],
    ...sources.flags.gnu,
    ...group.gnu.map(zigFlag),
    ...addon,
    ...(SMALL.includes(name) ? ['-Os'] : []),
    // Windows needs them for its own ends.
    ...(isKernel(name) && target.format !== 'pe' ? ['-fno-unwind-tables'] : []),
    // Zig turns on the trapping kind of UBSan by itself, and paths would differ from checkout to checkout.
    ...['-fno-sanitize=all', '-g0', `-ffile-prefix-map=${root}=.`],
    ...[join(root, source), '-o', object],
  ];
}

/** Zig names processors its own way. */
function zigFlag(flag) {
  const [, version, features] = /^-march=armv(\d\.\d)-a\+(.+)$/.exec(flag) ?? [];
  return version === undefined ? flag : `-mcpu=generic+v${version.replace('.', '_')}a+${features}`;
}

function linkArguments(target, folder) {
  // The level is that of the C++ runtime, which Zig compiles here.
  const common = ['-target', target.zig, '-shared', '-s', '-Os'];
  switch (target.format) {
    case 'elf':
      return [
        ...common,
        '-Wl,-z,now',
        '-Wl,--gc-sections',
        '-Wl,--build-id=none',
        '-Wl,--hash-style=gnu',
        `-Wl,--version-script=${join(root, 'native/exports.map')}`,
      ];
    case 'mach-o':
      // Node's functions are found in the program that loads the addon.
      // -x leaves out the names of local symbols, a fifth of the file.
      return [...common, '-Wl,-undefined,dynamic_lookup', '-Wl,-install_name,embedlane.node', '-Wl,-x'];
    default:
      return [...common, `-Wl,--out-implib,${join(folder, 'embedlane.lib')}`];
  }
}

/** Windows wants to know who exports Node-API: an import library, made from Node's own list. */
async function imports(target, folder) {
  if (target.format !== 'pe') return [];
  const machine = target.arch === 'x64' ? 'i386:x86-64' : 'arm64';
  const libraries = [];
  for (const [name, definition] of Object.entries(definitions)) {
    const library = join(folder, `${name}.lib`);
    await zig.run(['dlltool', '-m', machine, '-d', definition, '-l', library]);
    libraries.push(library);
  }
  return libraries;
}

async function parallel(items, run) {
  const queue = items.values();
  const worker = async () => {
    for (const item of queue) await run(item);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}
