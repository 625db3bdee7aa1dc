// Says whether a binary is what its platform can load: format, machine, libraries, glibc, exports, size.
import { readFileSync } from 'node:fs';
import { readElf } from './formats/elf.mjs';
import { readMachO } from './formats/mach-o.mjs';
import { readPe } from './formats/pe.mjs';
import { GLIBC, TARGETS } from './targets.mjs';

/** Largest binary, in bytes: what an install costs. */
export const MAX_BYTES = 1e6;

/** Libraries that every machine of the platform has. Above all no C++ runtime: ours is linked in. */
const SYSTEM = {
  elf: /^(lib(c|m|dl|pthread|rt)\.so(\.\d+)?|ld-linux-(x86-64|aarch64)\.so\.[12])$/,
  'mach-o': /^\/usr\/lib\/libSystem\.B\.dylib$/,
  pe: /^(node\.exe|kernel32\.dll|ntdll\.dll|advapi32\.dll|api-ms-win-crt-[\w-]+\.dll)$/,
};

const ENTRY_POINTS = ['napi_register_module_v1', 'node_api_module_get_api_version_v1'];

/**
 * @param {string} platform one of TARGETS
 * @param {string} file
 * @throws {Error} listing everything that is wrong
 */
export function checkBinary(platform, file) {
  const target = TARGETS[platform];
  const bytes = readFileSync(file);
  const problems = [];
  const expect = (holds, problem) => {
    if (!holds) problems.push(problem);
  };
  try {
    const binary = { elf: readElf, 'mach-o': readMachO, pe: readPe }[target.format](bytes);
    expect(binary.machine === target.machine, `is for machine ${binary.machine}, not ${target.machine}`);
    for (const library of binary.needed) {
      expect(SYSTEM[target.format].test(library), `needs ${library}`);
    }
    if (target.format === 'elf') checkElf(platform, binary, expect);
    if (platform === 'darwin-arm64') expect(binary.signed, 'is not signed, which arm64 Macs refuse to load');
    if (target.format === 'pe')
      expect(binary.needed.includes('node.exe'), 'does not import Node-API from node.exe');
  } catch (error) {
    problems.push(`cannot be read: ${error.message}`);
  }
  expect(bytes.length <= MAX_BYTES, `has ${bytes.length} bytes, more than ${MAX_BYTES}`);
  if (problems.length > 0)
    throw new Error(`${file} (${platform}):\n${problems.map((line) => `  ${line}`).join('\n')}`);
}

function checkElf(platform, { versions, exports, needed }, expect) {
  expect(exports.join() === ENTRY_POINTS.join(), `exports ${exports.join(', ') || 'nothing'}`);
  const musl = platform.endsWith('-musl');
  const newest = versions
    .filter((version) => version.startsWith('GLIBC_'))
    .map((version) => version.slice('GLIBC_'.length))
    .sort(byVersion)
    .at(-1);
  if (musl) expect(newest === undefined && needed.includes('libc.so'), 'is not linked with musl');
  else
    expect(
      newest !== undefined && byVersion(newest, GLIBC) <= 0,
      `needs glibc ${newest}, newer than ${GLIBC}`,
    );
}

function byVersion(a, b) {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number));
  return left[0] - right[0] || (left[1] ?? 0) - (right[1] ?? 0) || (left[2] ?? 0) - (right[2] ?? 0);
}
