// Fuzzes what of the addon takes hostile input, with libFuzzer under AddressSanitizer and UBSan, for a bounded time: the
// mapped file of an index, the tokenizer, pictures and sound, and the arguments of all its functions (native/fuzz/).
// Linux with clang.
//
//   node scripts/fuzz-native.mjs [--seconds 5] [--seed 1] [--only rows,…] [--corpus folder]
//
// --seconds   for each target
// --corpus    where inputs that reach something new are kept; else they are forgotten with the run
//
// The seeds, native/fuzz/seeds/, are what longer runs left, made small with libFuzzer's -merge=1.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { root, run } from './run.mjs';

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    corpus: { type: 'string' },
  },
});
const directory = join(root, 'build-fuzz');
const arch = { x64: 'x86_64', arm64: 'aarch64' }[process.arch];

const fileOf = (name) => {
  try {
    return execFileSync('clang++', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim();
  } catch {
    return '';
  }
};
if (!existsSync(fileOf(`libclang_rt.fuzzer-${arch}.a`))) {
  console.log('!! NOT FUZZED: clang with libFuzzer is not installed (Debian: clang libclang-rt-14-dev).');
  process.exit(0);
}

const names = readdirSync(join(root, 'native/fuzz'))
  .filter((file) => file.endsWith('_fuzz.cc'))
  .map((file) => file.slice(0, -'_fuzz.cc'.length))
  .filter((name) => options.only === undefined || options.only.split(',').includes(name));
const resolver = createRequire(import.meta.url);
const folderOf = (name) =>
  dirname(createRequire(resolver.resolve('cmake-js')).resolve(`${name}/package.json`));
const headers = [join(folderOf('node-api-headers'), 'include'), folderOf('node-addon-api')];
run('cmake', [
  ...['-S', root, '-B', directory, '-DCMAKE_CXX_COMPILER=clang++', '-DCMAKE_BUILD_TYPE=Release'],
  '-DEMBEDLANE_FUZZ=ON',
  `-DEMBEDLANE_NODE_API=${headers.join(';')}`,
]);
run('cmake', ['--build', directory, '--parallel', String(availableParallelism())]);

const found = mkdtempSync(join(tmpdir(), 'embedlane-fuzz-'));
process.on('exit', () => rmSync(found, { recursive: true, force: true }));
for (const name of names) {
  console.log(`\n--- ${name}`);
  const corpus = join(options.corpus ?? found, name);
  mkdirSync(corpus, { recursive: true });
  const seeds = join(root, 'native/fuzz/seeds', name);
  const args = [
    ...[
      `-max_total_time=${options.seconds}`,
      `-seed=${options.seed}`,
      '-max_len=4096',
      '-timeout=60',
      '-rss_limit_mb=4096',
    ],
    ...['-verbosity=1', '-print_final_stats=1', `-artifact_prefix=${root}/`],
    ...[corpus, ...(existsSync(seeds) ? [seeds] : [])],
  ];
  run(join(directory, `${name}_fuzz`), args, { UBSAN_OPTIONS: 'print_stacktrace=1' });
}
