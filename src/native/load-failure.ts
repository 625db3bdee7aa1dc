import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** Why one binary could not be loaded, and what its user can do about it. */
export interface LoadFailure {
  path: string;
  reason: string;
  help: string | undefined;
}

const REINSTALL = 'Delete node_modules and install again on this machine: npm ci';

/** What the messages of `dlopen` and of Node mean for a user; the first that matches counts. */
const CAUSES: { pattern: RegExp; help: string; reason?: string }[] = [
  {
    pattern: /version [`'](GLIBC_[\d.]+)' not found/,
    reason: 'needs $1, newer than the C library of this system',
    help: 'Use a system or container image of glibc 2.28 or newer (Debian 10, Ubuntu 20.04, RHEL 8), or build the addon there',
  },
  {
    pattern:
      /libc\.musl-|ld-musl-|ld-linux-[\w-]+\.so|libc\.so(\.6)?: (cannot open|invalid ELF header)|symbol not found/,
    reason: 'is linked with another C library (musl or glibc) than this Node',
    help: REINSTALL,
  },
  {
    pattern: /failed to map segment from shared object|Operation not permitted/,
    reason: 'may not be executed: its file system is mounted with "noexec", or a security policy forbids it',
    help: 'Install into a folder where programs may run, or set EMBEDLANE_BINDING to a copy of the file in such a folder',
  },
  {
    pattern: /Permission denied|EACCES/,
    reason: 'may not be read by this user',
    help: 'Give the user that runs Node the right to read node_modules: chmod -R a+rX node_modules/embedlane',
  },
  {
    pattern: /ERR_DLOPEN_DISABLED|loading addons is disabled|ERR_ACCESS_DENIED|has been restricted/,
    reason: 'is forbidden by the permission model of Node',
    help: "Run node --permission with --allow-addons and --allow-fs-read=<the folder of this program and node_modules>, or with --no-addons' fallback: EMBEDLANE_BACKEND=typescript",
  },
  { pattern: /it lacks /, help: 'Install again, or build again in a checkout: npm run build:native' },
];

/**
 * Looks at a binary before it is loaded: `dlopen` ends the process with SIGBUS if the file is cut short.
 *
 * @returns what is wrong, or nothing if its header is one of this machine; a file that cannot be read passes too
 */
export function inspectBinary(path: string): LoadFailure | undefined {
  const reason = path.endsWith('.node') ? misfit(path) : undefined;
  return reason === undefined ? undefined : { path, reason, help: REINSTALL };
}

/** Says why loading `path` failed. */
export function explainFailure(path: string, error: Error): LoadFailure {
  const said = `${(error as NodeJS.ErrnoException).code ?? ''} ${error.message}`;
  for (const { pattern, reason, help } of CAUSES) {
    const match = pattern.exec(said);
    if (match === null) continue;
    return { path, reason: reason?.replace('$1', match[1]) ?? error.message.split('\n')[0], help };
  }
  return { path, reason: error.message.split('\n')[0], help: undefined };
}

const ELF_MACHINES: Record<number, string> = {
  3: 'ia32',
  40: 'arm',
  62: 'x64',
  183: 'arm64',
  243: 'riscv64',
};
const MACH_O_MACHINES: Record<number, string> = { 16777223: 'x64', 16777228: 'arm64' };
const PE_MACHINES: Record<number, string> = { 332: 'ia32', 34404: 'x64', 43620: 'arm64' };

/** What makes a file a binary of another machine or of none, or nothing if it looks like one of this machine. */
function misfit(path: string): string | undefined {
  let bytes: Buffer;
  let size: number;
  try {
    [bytes, size] = readHead(path, 4096);
  } catch {
    return undefined;
  }
  const made = madeFor(bytes);
  if (made === undefined) {
    return size === 0
      ? 'is empty'
      : `is no binary (${size} bytes that start with ${bytes.toString('hex', 0, 4)})`;
  }
  const here = `${process.platform}-${process.arch}`;
  if (made !== here) return `is a binary for ${made}, and this is ${here}`;
  if (made.startsWith('linux-') && size < elfLength(bytes)) {
    return `is cut short: ${size} bytes of ${elfLength(bytes)}`;
  }
  return undefined;
}

function readHead(path: string, length: number): [Buffer, number] {
  const file = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(length);
    return [buffer.subarray(0, readSync(file, buffer)), fstatSync(file).size];
  } finally {
    closeSync(file);
  }
}

/** Platform and architecture, as Node spells them, that a file's header names. */
function madeFor(bytes: Buffer): string | undefined {
  if (bytes.length < 64) return undefined;
  const magic = bytes.readUInt32BE(0);
  // Little-endian, as every machine is that we build for.
  if (magic === 0x7f454c46) return `linux-${ELF_MACHINES[bytes.readUInt16LE(18)] ?? 'other'}`;
  if (magic === 0xcffaedfe) return `darwin-${MACH_O_MACHINES[bytes.readUInt32LE(4)] ?? 'other'}`;
  if (magic >>> 16 === 0x4d5a) {
    const header = bytes.readUInt32LE(60);
    if (header + 6 > bytes.length || bytes.readUInt32BE(header) !== 0x50450000) return undefined;
    return `win32-${PE_MACHINES[bytes.readUInt16LE(header + 4)] ?? 'other'}`;
  }
  return undefined;
}

/** Where the last table of an ELF file ends, its section headers: linkers put them last. */
function elfLength(bytes: Buffer): number {
  return Number(bytes.readBigUInt64LE(40)) + bytes.readUInt16LE(58) * bytes.readUInt16LE(60);
}
