import { afterEach, expect, it, vi } from 'vitest';
import { Lane } from '#dist/runtime/index.js';

const ECHO = new URL('./echo-lane.mjs', import.meta.url);
afterEach(() => vi.unstubAllEnvs());

/** A variable of the environment of a lane's process. */
async function variable(name: string): Promise<unknown> {
  const lane = new Lane(ECHO, {});
  try {
    return await lane.run((process) => process.call('variable', name));
  } finally {
    await lane.close();
  }
}

it.each([
  ['', 'glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1'],
  ['glibc.malloc.arena_max=4:glibc.malloc.hugetlb=0', 'glibc.malloc.arena_max=4:glibc.malloc.hugetlb=0'],
])('has settings of glibc beside those of the user, %j', async (own, expected) => {
  vi.stubEnv('GLIBC_TUNABLES', own);
  expect(await variable('GLIBC_TUNABLES')).toBe(expected);
});
