import { closeSync, openSync, readSync } from 'node:fs';

/** The C library that this Node uses, on Linux. */
interface CLibrary {
  musl: boolean;
  /** Version of glibc, if it is glibc. */
  glibc: string | undefined;
}

/** Looked up once. */
let musl: boolean | undefined;

function usesMusl(): boolean {
  // The report takes 8 to 40 ms, the header of Node's own file none.
  musl ??= interpreter()?.includes('ld-musl-') ?? cLibrary().musl;
  return musl;
}

function cLibrary(): CLibrary {
  // Without this, the report asks the network for the names of every open socket.
  const report = process.report as typeof process.report & { excludeNetwork?: boolean };
  const before = report.excludeNetwork;
  report.excludeNetwork = true;
  const { header } = report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  report.excludeNetwork = before;
  return { musl: !header.glibcVersionRuntime, glibc: header.glibcVersionRuntime };
}

/** More than the headers of a program and the name of its interpreter take. */
const ELF_START = 4096;
const ELF64_LITTLE_ENDIAN = '7f454c460201';
const PT_INTERP = 3;

/** The dynamic linker that Node's own file names: it comes with the C library. Undefined if it names none. */
function interpreter(): string | undefined {
  const bytes = Buffer.alloc(ELF_START);
  try {
    const file = openSync(process.execPath, 'r');
    readSync(file, bytes);
    closeSync(file);
    if (bytes.toString('hex', 0, 6) !== ELF64_LITTLE_ENDIAN) return undefined;
    const [table, size, count] = [
      Number(bytes.readBigUInt64LE(32)),
      bytes.readUInt16LE(54),
      bytes.readUInt16LE(56),
    ];
    for (let at = table; at < table + size * count; at += size) {
      if (bytes.readUInt32LE(at) !== PT_INTERP) continue;
      const start = Number(bytes.readBigUInt64LE(at + 8));
      const end = bytes.indexOf(0, start);
      return start < end ? bytes.toString('latin1', start, end) : undefined;
    }
  } catch {
    // Not readable, or of a shape that we do not know: the report tells too.
  }
  return undefined;
}

/** The folder below prebuilds/ for this machine, spelled as scripts/prebuild/targets.mjs spells it. */
export function platformName(): string {
  const suffix = process.platform === 'linux' && usesMusl() ? '-musl' : '';
  return `${process.platform}-${process.arch}${suffix}`;
}

/** This machine as a person would say it: `linux-x64 (glibc 2.36), Node v22.1.0`. */
export function describePlatform(): string {
  const glibc = process.platform === 'linux' ? cLibrary().glibc : undefined;
  return `${platformName()}${glibc ? ` (glibc ${glibc})` : ''}, Node ${process.version}`;
}
