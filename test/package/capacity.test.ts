import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const script = new URL('../../scripts/capacity.mjs', import.meta.url).href;

it('computes memory, machines and money as docs/capacity.md says', async () => {
  const { capacity, table } = await import(script);
  const options = { memory: 64, cores: 16, bandwidth: 16, texts: 100, corePrice: 1, gigabytePrice: 0 };
  expect(capacity(1e9, 384, 'f32', { ...options, documentBytes: 100 })).toEqual({
    vectorBytes: 1.536e12,
    graphBytes: 1.664e12,
    diskBytes: 1.636e12,
    // 48 GB of each machine are for vectors.
    flatMachines: 32,
    scanSeconds: 1.536e12 / (32 * 16 * 16e9),
    flatPrice: 32 * 16 * 730,
    graphMachines: 35,
    graphPrice: 35 * 16 * 730,
    embedCoreHours: 1e9 / 100 / 3600,
    embedPrice: 1e9 / 100 / 3600,
  });
  expect(capacity(1000, 20, 'b1').vectorBytes).toBe(3000);
  const page = readFileSync(fileURLToPath(new URL('../../docs/capacity.md', import.meta.url)), 'utf8');
  expect(page).toContain(table([1e6, 1e7, 1e8, 1e9, 1e10], [384, 768, 1024]));
});
