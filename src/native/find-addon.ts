import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { explainFailure, inspectBinary, type LoadFailure } from './load-failure.js';
import { describePlatform, platformName } from './platform.js';

const require = createRequire(import.meta.url);

/** What the search for the addon came to. */
export type Search<Addon> =
  | { addon: Addon; path: string; failures: LoadFailure[] }
  | { addon: undefined; failures: LoadFailure[]; errors: Error[] };

/**
 * Loads the addon, from the first of these places that has one which works: `EMBEDLANE_BINDING` and no other if it
 * is set; what was built here from source; the package's binary for this platform; a copy of `prebuilds/` beside
 * the program that embedlane was bundled into.
 *
 * @param check returns what is missing from a binary's exports: one of another version is no use
 */
export function findAddon<Addon>(check: (exports: unknown) => string[]): Search<Addon> {
  const failures: LoadFailure[] = [];
  const errors: Error[] = [];
  for (const { path, load } of places()) {
    const unfit = inspectBinary(path);
    if (unfit !== undefined) {
      failures.push(unfit);
      errors.push(new Error(`${path} ${unfit.reason}`));
      continue;
    }
    try {
      const addon = load();
      const lacking = check(addon);
      if (lacking.length > 0) {
        throw new Error(`is of another version of embedlane: it lacks ${lacking.join(', ')}`);
      }
      return { addon: addon as Addon, path, failures };
    } catch (error) {
      // Most places are empty, which is news only if all are.
      if (isMissing(error as Error, path)) continue;
      failures.push(explainFailure(path, error as Error));
      errors.push(error as Error);
    }
  }
  if (failures.length === 0) {
    failures.push(nothingFound());
    errors.push(new Error(failures[0].reason));
  }
  return { addon: undefined, failures, errors };
}

/** A paragraph for people: where we are, what was tried and why it failed, and what helps. */
export function describeFailures(failures: LoadFailure[]): string {
  const helps = new Set(failures.map(({ help }) => help ?? 'Install again: npm install embedlane'));
  return [
    `for ${describePlatform()} but received none:`,
    ...failures.map(({ path, reason }) => `  ${path} ${reason}`),
    ...[...helps].map((help) => `→ ${help}`),
  ].join('\n');
}

interface Place {
  path: string;
  load(): unknown;
}

/** Lazily, because what platform this is takes milliseconds to find out. */
function* places(): Generator<Place, void, undefined> {
  const wanted = process.env.EMBEDLANE_BINDING;
  if (wanted) {
    yield { path: wanted, load: () => require(wanted) };
    return;
  }
  yield {
    path: absolute('../../build/Release/embedlane.node'),
    load: () => require('../../build/Release/embedlane.node'),
  };
  yield { path: absolute(`../../prebuilds/${platformName()}/embedlane.node`), load: requirePackaged };
  yield { path: absolute(`./prebuilds/${platformName()}/embedlane.node`), load: requireCopied };
}

function absolute(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url).href);
}

/** Every path is a literal, so that bundlers and file tracers see which files belong to the program. */
function requirePackaged(): unknown {
  switch (platformName()) {
    case 'linux-x64':
      return require('../../prebuilds/linux-x64/embedlane.node');
    case 'linux-x64-musl':
      return require('../../prebuilds/linux-x64-musl/embedlane.node');
    case 'linux-arm64':
      return require('../../prebuilds/linux-arm64/embedlane.node');
    case 'linux-arm64-musl':
      return require('../../prebuilds/linux-arm64-musl/embedlane.node');
    case 'darwin-x64':
      return require('../../prebuilds/darwin-x64/embedlane.node');
    case 'darwin-arm64':
      return require('../../prebuilds/darwin-arm64/embedlane.node');
    case 'win32-x64':
      return require('../../prebuilds/win32-x64/embedlane.node');
    case 'win32-arm64':
      return require('../../prebuilds/win32-arm64/embedlane.node');
    default:
      return undefined;
  }
}

/** In a bundle, `import.meta.url` is the bundle's. */
function requireCopied(): unknown {
  return require(`./prebuilds/${platformName()}/embedlane.node`);
}

/** Whether there is no such file, which is not the same as a file that lacks something. */
function isMissing(error: Error, path: string): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'MODULE_NOT_FOUND' && path !== process.env.EMBEDLANE_BINDING && !existsSync(path);
}

function nothingFound(): LoadFailure {
  const folder = absolute('../../prebuilds');
  const platform = platformName();
  const checkout = existsSync(absolute('../../binding.gyp'));
  let there: string[] = [];
  try {
    there = readdirSync(folder).sort();
  } catch {
    // Bundled without its binaries, or a checkout that was not built.
  }
  const help = checkout
    ? 'Build it, with a C++20 compiler and CMake: npm run build:native'
    : there.length > 0
      ? `There is no binary for ${platform}: build one in a checkout of embedlane and name it in EMBEDLANE_BINDING`
      : 'Install again (npm install embedlane); if the program is bundled, keep embedlane external or copy its prebuilds/ folder beside the bundle';
  const has = there.length > 0 ? `has binaries for ${there.join(', ')}` : 'has no binaries';
  return { path: folder, reason: has, help };
}
