import { EmbedlaneError } from '../core/errors.js';
import { describePlatform } from '../native/platform.js';

/** The native packages that lanes and threads need, and where there are binaries of each. */
const PACKAGES: Record<string, string> = {
  'onnxruntime-node': 'Linux with glibc (x64, arm64), macOS (arm64) and Windows (x64, arm64)',
  tokenizers: 'Linux, macOS and Windows (x64, arm64)',
  libsql: 'Linux (x64, arm64), macOS (x64, arm64) and Windows (x64)',
};

/** The one whose install script downloads something, CUDA's libraries, without which it works on a CPU. */
const SCRIPTED = 'onnxruntime-node';

/** What installs one of the packages where it can be had at all. */
export function installCommand(name: string): string {
  return `${name === SCRIPTED ? 'ONNXRUNTIME_NODE_INSTALL=skip ' : ''}npm install ${name}`;
}

/** {@link dependencyError} for an import that failed, by what Node would have printed of it. */
export function importError(cause: unknown): EmbedlaneError | undefined {
  return cause instanceof Error ? dependencyError(new Error(cause.stack, { cause })) : undefined;
}

/**
 * What is missing, if a lane ended at its start because one of these packages is not installed or has no binary for this
 * machine: it is imported before any of our code could catch that, so all there is is what Node printed.
 */
export function dependencyError(died: Error): EmbedlaneError | undefined {
  const printed = died.message;
  for (const [name, platforms] of Object.entries(PACKAGES)) {
    if (printed.includes(`Cannot find package '${name}'`)) {
      return new EmbedlaneError(
        'ERR_NATIVE_LOAD',
        `Expected the package '${name}' but it is not installed (it is left out by --omit=optional` +
          (name === SCRIPTED ? ', and by npm where the download of its install script fails)' : ')') +
          `; run: ${installCommand(name)}`,
        { cause: died },
      );
    }
    const own = new RegExp(`node_modules[\\\\/](\\.pnpm[\\\\/])?@?${name}`);
    // Of much that is printed only the end is kept, and the error itself may be lost while its cause is there.
    const reason = /^\s*(?:\[?cause\]?: )?\w*Error(?: \[\w+\])?: (.+)$/m.exec(printed)?.[1];
    if (
      own.test(printed) &&
      reason !== undefined &&
      /native binding|\.node'|find module '@|ERR_DLOPEN|shared librar|GLIBC/.test(printed)
    ) {
      return new EmbedlaneError(
        'ERR_NATIVE_LOAD',
        `Expected the package '${name}' to load on ${describePlatform()} but received: ${reason}. It has binaries ` +
          `for ${platforms}. If node_modules came from another machine, run "npm ci" here; where there is no binary, ` +
          'use embedlane/vectors, and a server through embedlane/providers',
        { cause: died },
      );
    }
  }
  return undefined;
}
