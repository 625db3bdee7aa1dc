// What a system really says about a binary that it cannot load: no messages by heart.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { addonReport, loadBinding } from '#dist/native/load.js';
import { outcome } from '../outcome.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const onLinux = process.platform === 'linux' && loadBinding().backend === 'native';
const { path: ownAddon = '' } = addonReport();

const folder = mkdtempSync(join(tmpdir(), 'embedlane-load-real-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const READ_ONLY = `mount --bind '${ROOT}' '${ROOT}'\nmount -o remount,ro,bind '${ROOT}'`;

/** How to run a shell that may mount something which nobody else sees; nothing where that is not allowed. */
const mounts = [
  ['unshare', '--mount'],
  ['unshare', '--mount', '--map-root-user'],
].find(([command, ...args]) => {
  const tried = `mount -t tmpfs -o noexec tmpfs '${folder}'\n${READ_ONLY}`;
  return onLinux && spawnSync(command, [...args, 'sh', '-ec', tried]).status === 0;
});
if (onLinux && mounts === undefined) {
  console.warn(
    '!!! NOT TESTED: noexec and read-only file systems. This user may not mount any (unshare --mount).',
  );
}

const TELL = `
const { simd } = await import('embedlane/vectors');
try { console.log(simd().backend); } catch (error) { console.log(error.code, error.message); }`;

/** Runs TELL after the commands of a shell, which may be mounts. */
function tell(setup: string, env: NodeJS.ProcessEnv) {
  const [command, ...args] = setup === '' ? [] : [...(mounts ?? []), 'sh', '-ec', `${setup}\nexec "$0" "$@"`];
  const node = [process.execPath, '--input-type=module', '-e', TELL];
  const [program, ...rest] = command === undefined ? node : [command, ...args, ...node];
  const child = spawn(program, rest, {
    cwd: ROOT,
    env: { ...process.env, EMBEDLANE_BACKEND: '', EMBEDLANE_REQUIRE_NATIVE: '', EMBEDLANE_SIMD: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return outcome(child);
}

function copyOf(name: string, change: (binary: Buffer) => Buffer): string {
  const path = join(folder, name, 'embedlane.node');
  mkdirSync(join(folder, name));
  writeFileSync(path, change(readFileSync(ownAddon)));
  return path;
}

async function refusal(path: string, setup = ''): Promise<string> {
  const { code, stdout, stderr } = await tell(setup, {
    EMBEDLANE_BINDING: path,
    EMBEDLANE_REQUIRE_NATIVE: '1',
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^ERR_NATIVE_LOAD /);
  expect(stdout).toContain(path);
  return stdout;
}

describe.runIf(onLinux)('a binary that this system refuses', () => {
  it('needs a newer glibc', async () => {
    const path = copyOf('glibc', (binary) =>
      Buffer.from(binary.toString('latin1').replaceAll(/GLIBC_2\.\d\d\0/g, 'GLIBC_2.99\0'), 'latin1'),
    );
    const message = await refusal(path);
    expect(message).toContain('needs GLIBC_2.99, newer than the C library of this system');
    expect(message).toContain('→ Use a system or container image of glibc 2.28 or newer');
  });

  it('is cut short anywhere: never a crash', async () => {
    const { length } = readFileSync(ownAddon);
    for (const part of [1, 63, 64, 4096, Math.floor(length * 0.9), length - 1]) {
      const path = copyOf(`cut-${part}`, (binary) => binary.subarray(0, part));
      expect(await refusal(path)).toMatch(/is (cut short|no binary)/);
    }
  });

  it.runIf(mounts !== undefined)('lies in a file system without execution', async () => {
    const place = join(folder, 'noexec');
    mkdirSync(place);
    const setup = `mount -t tmpfs -o noexec tmpfs '${place}'\ncp '${ownAddon}' '${place}/embedlane.node'`;
    const message = await refusal(join(place, 'embedlane.node'), setup);
    expect(message).toContain('may not be executed: its file system is mounted with "noexec"');
    expect(message).toContain('set EMBEDLANE_BINDING to a copy');
  });

  const musl = join(ROOT, `prebuilds/linux-${process.arch}-musl/embedlane.node`);
  it.runIf(existsSync(musl))('is linked with musl', async () => {
    expect(await refusal(musl)).toContain('is linked with another C library (musl or glibc) than this Node');
  });
});

describe.runIf(onLinux && mounts !== undefined)('a package in a file system that cannot be written', () => {
  it('works', async () => {
    const setup = `${READ_ONLY}\ncd '${ROOT}'\n! touch package.json 2>/dev/null`;
    const { code, stdout, stderr } = await tell(setup, { EMBEDLANE_REQUIRE_NATIVE: '1' });
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'native\n', stderr: '' });
  });
});
