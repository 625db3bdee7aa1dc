// Fuzzes the addon's argument layer under AddressSanitizer and UBSan: random calls with a fixed seed, see
// test/native/fuzz-arguments.mjs. Linux with gcc.
//
//   node scripts/fuzz-addon.mjs [--seed 1] [--calls 200000]
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { root, run } from './run.mjs';

run(process.execPath, [join(root, 'scripts/build-native.mjs'), '--sanitize']);
// Node itself is not instrumented, so the runtimes have to come first, and leaks of its own do not count.
const runtimes = ['libasan.so', 'libubsan.so'].map((name) =>
  execFileSync(process.env.CXX ?? 'g++', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim(),
);
run(process.execPath, [join(root, 'test/native/fuzz-arguments.mjs'), ...process.argv.slice(2)], {
  EMBEDLANE_BINDING: join(root, 'build-sanitize/Release/embedlane.node'),
  LD_PRELOAD: runtimes.join(' '),
  ASAN_OPTIONS: 'detect_leaks=0:allocator_may_return_null=1:abort_on_error=1',
  UBSAN_OPTIONS: 'print_stacktrace=1',
});
