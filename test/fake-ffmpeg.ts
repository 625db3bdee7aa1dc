import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll } from 'vitest';

/**
 * Surroundings of a test file in which ffmpeg can be replaced and temporary files be counted. The PATH is the real one
 * again after each test, and all is removed at the end.
 */
export function surroundings() {
  const { PATH, TMPDIR } = process.env;
  const place = { folder: '' };
  const bin = () => join(place.folder, 'bin');
  const temporary = () => join(place.folder, 'tmp');
  beforeAll(async () => {
    place.folder = await mkdtemp(join(tmpdir(), 'embedlane-test-'));
    mkdirSync(bin());
    // One's own, because other test files have calls under way too.
    mkdirSync(temporary());
    process.env.TMPDIR = temporary();
  });
  afterEach(() => {
    process.env.PATH = PATH;
  });
  afterAll(async () => {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
    await rm(place.folder, { recursive: true, force: true });
  });
  return {
    /** A file in a folder that is the test's. */
    path: (name: string) => join(place.folder, name),
    /** Puts a program called ffmpeg, a shell script, before all others on the PATH. */
    fakeFfmpeg(script: string): void {
      const file = join(bin(), 'ffmpeg');
      writeFileSync(file, `#!/bin/sh\n${script}\n`);
      chmodSync(file, 0o755);
      process.env.PATH = `${bin()}:${PATH}`;
    },
    hideFfmpeg(): void {
      rmSync(join(bin(), 'ffmpeg'), { force: true });
      process.env.PATH = bin();
    },
    /** Temporary files that the library has now. */
    leftovers: () => readdirSync(temporary()).filter((name) => name.startsWith('embedlane-')),
  };
}

/** Processes whose command line contains `what`, without those that have ended. */
export function running(what: string): string[] {
  return execFileSync('ps', ['-eo', 'stat,args'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(what) && !line.includes('ps -eo') && !/^Z/.test(line));
}
