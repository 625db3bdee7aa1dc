/** The C library that this Node uses, on Linux. */
interface CLibrary {
  musl: boolean;
  /** Version of glibc, if it is glibc. */
  glibc: string | undefined;
}

/** Looked up once: the report behind it takes milliseconds. */
let library: CLibrary | undefined;

function cLibrary(): CLibrary {
  if (library === undefined) {
    // Without this, the report asks the network for the names of every open socket.
    const report = process.report as typeof process.report & { excludeNetwork?: boolean };
    const before = report.excludeNetwork;
    report.excludeNetwork = true;
    const { header } = report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
    report.excludeNetwork = before;
    library = { musl: !header.glibcVersionRuntime, glibc: header.glibcVersionRuntime };
  }
  return library;
}

/** The folder below prebuilds/ for this machine, spelled as scripts/prebuild/targets.mjs spells it. */
export function platformName(): string {
  const musl = process.platform === 'linux' && cLibrary().musl;
  return `${process.platform}-${process.arch}${musl ? '-musl' : ''}`;
}

/** This machine as a person would say it: `linux-x64 (glibc 2.36), Node v22.1.0`. */
export function describePlatform(): string {
  const glibc = process.platform === 'linux' ? cLibrary().glibc : undefined;
  return `${platformName()}${glibc ? ` (glibc ${glibc})` : ''}, Node ${process.version}`;
}
