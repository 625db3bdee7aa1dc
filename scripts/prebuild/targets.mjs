// What is built for whom. `zig` is Zig's name of the target; the rest is what the finished file has to be.

/** Oldest glibc that the binaries run on: that of RHEL 8, Debian 10 and Ubuntu 18.10. */
export const GLIBC = '2.28';

/** Folder below prebuilds/ (as src/native/load.ts spells it) → target. */
export const TARGETS = {
  'linux-x64': { zig: `x86_64-linux-gnu.${GLIBC}`, arch: 'x64', format: 'elf', machine: 62 },
  'linux-x64-musl': { zig: 'x86_64-linux-musl', arch: 'x64', format: 'elf', machine: 62 },
  'linux-arm64': { zig: `aarch64-linux-gnu.${GLIBC}`, arch: 'arm64', format: 'elf', machine: 183 },
  'linux-arm64-musl': { zig: 'aarch64-linux-musl', arch: 'arm64', format: 'elf', machine: 183 },
  'darwin-x64': { zig: 'x86_64-macos', arch: 'x64', format: 'mach-o', machine: 0x01000007 },
  'darwin-arm64': { zig: 'aarch64-macos', arch: 'arm64', format: 'mach-o', machine: 0x0100000c },
  'win32-x64': { zig: 'x86_64-windows-gnu', arch: 'x64', format: 'pe', machine: 0x8664 },
  'win32-arm64': { zig: 'aarch64-windows-gnu', arch: 'arm64', format: 'pe', machine: 0xaa64 },
};
