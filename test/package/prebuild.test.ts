import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

// Plain JavaScript without types, as all of scripts/.
const load = (name: string) => import(new URL(`../../scripts/prebuild/${name}`, import.meta.url).href);
const { checkBinary, MAX_BYTES } = (await load('check-binary.mjs')) as {
  checkBinary(platform: string, file: string): void;
  MAX_BYTES: number;
};
const { TARGETS } = (await load('targets.mjs')) as { TARGETS: Record<string, object> };

const folder = await mkdtemp(join(tmpdir(), 'embedlane-prebuild-'));
afterAll(() => rm(folder, { recursive: true }));

async function problemsOf(platform: string, content: Buffer): Promise<string> {
  const file = join(folder, 'embedlane.node');
  await writeFile(file, content);
  try {
    checkBinary(platform, file);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('the check of prebuilt binaries', () => {
  it('knows every platform that the loader does', async () => {
    const loader = await readFile('src/native/find-addon.ts', 'utf8');
    const named = [...loader.matchAll(/prebuilds\/([\w-]+)\/embedlane\.node/g)].map(
      ([, platform]) => platform,
    );
    expect(named.sort()).toEqual(Object.keys(TARGETS).sort());
  });

  it.each(Object.keys(TARGETS))('refuses for %s what is no library of that platform', async (platform) => {
    expect(await problemsOf(platform, Buffer.alloc(0))).toContain('cannot be read');
    expect(await problemsOf(platform, Buffer.alloc(4096, 7))).toContain('cannot be read');
    expect(await problemsOf(platform, Buffer.from('\x7fELF\x02\x01'))).toContain('cannot be read');
    // A program of this machine: another format, another machine, or no library.
    expect(await problemsOf(platform, (await readFile(process.execPath)).subarray(0, 1_000_000))).not.toBe(
      '',
    );
  });

  const linux = 'build/Release/embedlane.node';
  it.runIf(existsSync(linux) && `${process.platform}-${process.arch}` === 'linux-x64')(
    'sees what is wrong with a binary for somewhere else',
    async () => {
      const binary = await readFile(linux);
      expect(await problemsOf('linux-arm64', binary)).toContain('is for machine 62, not 183');
      expect(await problemsOf('linux-x64-musl', binary)).toContain('is not linked with musl');
      expect(await problemsOf('linux-x64', Buffer.concat([binary, Buffer.alloc(MAX_BYTES)]))).toContain(
        'bytes, more than',
      );
      // Another name for the C library, as long as the right one.
      const stdcxx = Buffer.from(
        binary.toString('latin1').replaceAll('libc.so.6\0', 'libx.so.6\0'),
        'latin1',
      );
      expect(await problemsOf('linux-x64', stdcxx)).toContain('needs libx.so.6');
      const old = Buffer.from(
        binary.toString('latin1').replaceAll(/GLIBC_2\.\d\d\0/g, 'GLIBC_2.99\0'),
        'latin1',
      );
      expect(await problemsOf('linux-x64', old)).toContain('needs glibc 2.99, newer than 2.28');
    },
  );
});
