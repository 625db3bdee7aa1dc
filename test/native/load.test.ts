import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { addonReport, loadBinding } from '#dist/native/load.js';
import { explainFailure } from '#dist/native/load-failure.js';
import { runNode } from './processes.js';

const hasAddon = loadBinding().backend === 'native';
const { path: ownAddon = '' } = addonReport();

/** Prints what simd() says, or the error's code and message. */
const TELL = `
const { simd, topKSync } = await import('embedlane/vectors');
try {
  const { level, available, backend } = simd();
  const found = topKSync({ data: Float32Array.of(1, 0), rows: 1, dims: 2 }, { data: Float32Array.of(0, 1, 1, 0), rows: 2, dims: 2 }, { k: 1 });
  console.log(JSON.stringify({ level, available, backend, nearest: found.indices[0] }));
} catch (error) {
  console.log(JSON.stringify({ name: error.name, code: error.code, message: error.message, causes: error.cause?.errors?.length }));
}`;

async function tell(env: NodeJS.ProcessEnv) {
  const { code, stdout, stderr } = await runNode(TELL, env);
  expect(code, stderr).toBe(0);
  return { ...JSON.parse(stdout), stderr };
}

const missing = { EMBEDLANE_BINDING: '/nonexistent/embedlane.node' };

const folder = await mkdtemp(join(tmpdir(), 'embedlane-load-'));
afterAll(() => rm(folder, { recursive: true }));

let files = 0;
async function file(content: Buffer | string): Promise<string> {
  const path = join(folder, `${files++}`, 'embedlane.node');
  await mkdir(dirname(path));
  await writeFile(path, content);
  return path;
}

/** The message when a binary is demanded and this one cannot be had. */
async function refusal(path: string): Promise<string> {
  const { code, message, causes } = await tell({ EMBEDLANE_BINDING: path, EMBEDLANE_REQUIRE_NATIVE: '1' });
  expect({ code, causes }).toEqual({ code: 'ERR_NATIVE_LOAD', causes: 1 });
  expect(message).toContain(`Expected a working addon for ${process.platform}-${process.arch}`);
  expect(message).toContain(`Node ${process.version}`);
  expect(message).toContain(path);
  return message;
}

describe('loading', () => {
  it.runIf(hasAddon)('uses the addon silently', async () => {
    expect(await tell({})).toMatchObject({ backend: 'native', nearest: 1, stderr: '' });
  });

  it.runIf(hasAddon)('lowers the level on request', async () => {
    for (const level of loadBinding().simdLevels()) {
      expect(await tell({ EMBEDLANE_SIMD: level })).toMatchObject({ level, nearest: 1 });
    }
  });

  it('refuses an unknown level, naming those there are', async () => {
    const available = loadBinding().simdLevels();
    for (const level of ['avx1024', 'AVX2', process.arch === 'x64' ? 'neon' : 'avx2']) {
      const { name, code, message } = await tell({ EMBEDLANE_SIMD: level });
      expect({ name, code }).toEqual({ name: 'EmbedlaneError', code: 'ERR_NATIVE_LOAD' });
      expect(message).toContain(level);
      for (const each of available) expect(message).toContain(`'${each}'`);
    }
  });

  it('falls back to TypeScript with one warning if there is no binary', async () => {
    const { backend, level, nearest, stderr } = await tell(missing);
    expect({ backend, level, nearest }).toEqual({ backend: 'typescript', level: 'scalar', nearest: 1 });
    expect(stderr.match(/EMBEDLANE_NO_NATIVE/g)).toHaveLength(1);
    expect(stderr).toContain('/nonexistent/embedlane.node');
    expect(stderr).toContain('EMBEDLANE_REQUIRE_NATIVE=1');
  });

  it('falls back if the binary is damaged', async () => {
    const path = await file('\x7fELF, but not for long');
    expect(await tell({ EMBEDLANE_BINDING: path })).toMatchObject({ backend: 'typescript', nearest: 1 });
  });

  it('uses TypeScript without a warning when asked', async () => {
    expect(await tell({ EMBEDLANE_BACKEND: 'typescript' })).toMatchObject({
      backend: 'typescript',
      available: ['scalar'],
      stderr: '',
    });
  });

  it('refuses wishes that it does not know, or that contradict each other', async () => {
    expect(await tell({ EMBEDLANE_BACKEND: 'gpu' })).toMatchObject({ code: 'ERR_NATIVE_LOAD' });
    expect(await tell({ EMBEDLANE_REQUIRE_NATIVE: 'yes' })).toMatchObject({ code: 'ERR_NATIVE_LOAD' });
    const both = { EMBEDLANE_REQUIRE_NATIVE: '1', EMBEDLANE_BACKEND: 'typescript' };
    expect((await tell(both)).message).toContain("but received 'typescript'");
    expect(await tell({ ...both, EMBEDLANE_REQUIRE_NATIVE: '0' })).toMatchObject({ backend: 'typescript' });
  });
});

describe('a demanded addon that cannot be loaded is an error that says what to do', () => {
  it('no such file', async () => {
    expect(await refusal(missing.EMBEDLANE_BINDING)).toContain('Cannot find module');
    const { code } = await tell({ ...missing, EMBEDLANE_BACKEND: 'native' });
    expect(code).toBe('ERR_NATIVE_LOAD');
  });

  it('another version', async () => {
    const path = join(dirname(await file('')), 'embedlane.cjs');
    await writeFile(path, 'exports.dot = () => 0;');
    const message = await refusal(path);
    expect(message).toContain('of another version of embedlane: it lacks simdLevel');
    expect(message).toContain('npm run build:native');
  });

  it('an empty file, or no binary at all', async () => {
    expect(await refusal(await file(''))).toContain('is empty');
    const pointer = await file('version https://git-lfs.github.com/spec/v1\n'.repeat(9));
    expect(await refusal(pointer)).toContain('is no binary (387 bytes that start with 76657273)');
  });

  it.runIf(hasAddon && process.platform === 'linux')('cut short', async () => {
    const whole = await readFile(ownAddon);
    const message = await refusal(await file(whole.subarray(0, whole.length / 2)));
    expect(message).toContain(`is cut short: ${Math.floor(whole.length / 2)} bytes of ${whole.length}`);
    expect(message).toContain('→ Delete node_modules and install again on this machine: npm ci');
  });

  it.runIf(hasAddon && process.platform === 'linux')('another architecture', async () => {
    const other = await readFile(ownAddon);
    other.writeUInt16LE(process.arch === 'x64' ? 183 : 62, 18);
    const arch = process.arch === 'x64' ? 'arm64' : 'x64';
    expect(await refusal(await file(other))).toContain(
      `is a binary for linux-${arch}, and this is linux-${process.arch}`,
    );
  });

  it.each([
    ['darwin-arm64', { 0: [0xcf, 0xfa, 0xed, 0xfe, 0x0c, 0, 0, 1] }],
    ['win32-x64', { 0: [0x4d, 0x5a], 60: [64], 64: [0x50, 0x45, 0, 0, 0x64, 0x86] }],
    ['linux-riscv64', { 0: [0x7f, 0x45, 0x4c, 0x46, 2, 1], 18: [243, 0] }],
  ])('another system: %s', async (name, parts) => {
    const bytes = Buffer.alloc(256);
    for (const [at, part] of Object.entries(parts)) bytes.set(part, Number(at));
    expect(await refusal(await file(bytes))).toContain(`is a binary for ${name}, and this is`);
  });

  // Root may read everything.
  it.runIf(hasAddon && process.getuid?.() !== 0)('unreadable', async () => {
    const path = await file('');
    await copyFile(ownAddon, path);
    await chmod(path, 0);
    expect(await refusal(path)).toContain('chmod -R a+rX');
  });
});

describe('what the system says about a binary is explained', () => {
  const explain = (message: string, code = 'ERR_DLOPEN_FAILED') =>
    explainFailure('/x/embedlane.node', Object.assign(new Error(message), { code }));

  it.each([
    [
      "/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by /x/embedlane.node)",
      'needs GLIBC_2.38, newer than the C library of this system',
      'glibc 2.28 or newer',
    ],
    [
      'Error loading shared library ld-linux-x86-64.so.2: No such file or directory (needed by /x)',
      'another C library',
      'npm ci',
    ],
    [
      'libc.musl-x86_64.so.1: cannot open shared object file: No such file or directory',
      'another C library',
      'npm ci',
    ],
    ['libc.so: cannot open shared object file: No such file or directory', 'another C library', 'npm ci'],
    // Where the headers of a C library are installed, its libc.so is a text for linkers.
    ['/lib/x86_64-linux-gnu/libc.so: invalid ELF header', 'another C library', 'npm ci'],
    ['/x/embedlane.node: failed to map segment from shared object', 'noexec', 'EMBEDLANE_BINDING'],
    ['/x/embedlane.node: cannot open shared object file: Permission denied', 'may not be read', 'chmod'],
  ])('%s', (message, reason, help) => {
    const failure = explain(message);
    expect(failure.reason).toContain(reason);
    expect(failure.help).toContain(help);
  });

  it('the permission model', () => {
    const disabled = 'Cannot load native addon because loading addons is disabled.';
    expect(explain(disabled, 'ERR_DLOPEN_DISABLED').help).toContain('--allow-addons');
    expect(explain('Access to this API has been restricted', 'ERR_ACCESS_DENIED').help).toContain(
      '--allow-fs-read',
    );
  });

  it('and what it does not know is passed on', () => {
    expect(explain('the moon is full\nat night')).toEqual({
      path: '/x/embedlane.node',
      reason: 'the moon is full',
      help: undefined,
    });
  });
});
