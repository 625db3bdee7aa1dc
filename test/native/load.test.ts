import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadBinding } from '#dist/native/load.js';
import { runNode } from './processes.js';

const hasAddon = loadBinding().backend === 'native';

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
  });

  it('falls back if the binary is damaged, or of another version', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'embedlane-'));
    try {
      const damaged = join(folder, 'embedlane.node');
      await writeFile(damaged, '\x7fELF, but not for long');
      expect(await tell({ EMBEDLANE_BINDING: damaged })).toMatchObject({ backend: 'typescript', nearest: 1 });
      const other = join(folder, 'embedlane.cjs');
      await writeFile(other, 'exports.dot = () => 0;');
      expect(await tell({ EMBEDLANE_BINDING: other })).toMatchObject({ backend: 'typescript', nearest: 1 });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('uses TypeScript without a warning when asked', async () => {
    expect(await tell({ EMBEDLANE_BACKEND: 'typescript' })).toMatchObject({
      backend: 'typescript',
      available: ['scalar'],
      stderr: '',
    });
  });

  it('fails when the addon is demanded and cannot be had, with causes and commands', async () => {
    const { code, message, causes } = await tell({ ...missing, EMBEDLANE_BACKEND: 'native' });
    expect({ code, causes }).toEqual({ code: 'ERR_NATIVE_LOAD', causes: 1 });
    expect(message).toContain('/nonexistent/embedlane.node');
    expect(message).toContain('scripts/build-native.mjs');
  });

  it('refuses an unknown backend', async () => {
    expect(await tell({ EMBEDLANE_BACKEND: 'gpu' })).toMatchObject({ code: 'ERR_NATIVE_LOAD' });
  });
});
