import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { FlatIndex } from 'embedlane';
import { expect, it } from 'vitest';
import { LIMITS } from '#dist/index/storage/writer.js';
import { matrixOf, temporaryFolder } from './support.js';

const folder = await temporaryFolder();

it('leaves the event loop free when the log of an index with many rows becomes a segment', async () => {
  const path = join(folder, 'many');
  const many = new FlatIndex({ dims: 1, dtype: 'b1' });
  many.add({ data: new Float32Array(3_000_000).fill(1), rows: 3_000_000, dims: 1 });
  await many.save(path);
  const index = await FlatIndex.open(path);
  const { logBytes } = LIMITS;
  const delay = monitorEventLoopDelay({ resolution: 1 });
  try {
    LIMITS.logBytes = 0;
    index.add(matrixOf([1], [0]));
    index.remove([31, 32, 2_999_999, 3_000_001]);
    delay.enable();
    await index.flush();
    // For a delay that has just ended to be seen.
    await new Promise((resolve) => setTimeout(resolve, 5));
  } finally {
    delay.disable();
    LIMITS.logBytes = logBytes;
  }
  expect((await readdir(path)).filter((name) => name.endsWith('.seg'))).toHaveLength(2);
  expect(delay.max / 1e6).toBeLessThan(150);
  await index.close();
  const again = await FlatIndex.open(path);
  expect([31, 32, 33, 2_999_999, 3_000_000, 3_000_001].map((id) => again.has(id))).toEqual([
    false,
    false,
    true,
    false,
    true,
    false,
  ]);
  expect(again.size).toBe(2_999_998);
  await again.close();
});
