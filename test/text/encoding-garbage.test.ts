import { setImmediate as turn } from 'node:timers/promises';
import type { Encoding } from 'tokenizers';
import { afterEach, expect, it, vi } from 'vitest';
import { EncodingGarbage } from '#dist/text/lane/encoding-garbage.js';

const { gc } = globalThis;
afterEach(() => {
  globalThis.gc = gc;
});

const encodings = (count: number, tokens: number) =>
  Array.from({ length: count }, () => ({ getLength: () => tokens }) as Encoding);

it('has encodings collected now and then, when the caller has had its turn with them', async () => {
  const collect = vi.fn();
  globalThis.gc = collect as unknown as typeof gc;
  const garbage = new EncodingGarbage();
  const list = encodings(10, 100);
  expect(garbage.expect(list)).toBe(list);
  await turn();
  expect(collect).not.toHaveBeenCalled();
  garbage.expect(encodings(160, 100));
  expect(collect).not.toHaveBeenCalled();
  await turn();
  expect(collect.mock.calls).toEqual([[{ type: 'minor' }]]);
  for (let i = 0; i < 40; i++) garbage.expect(encodings(1, 1000));
  await turn();
  expect(collect).toHaveBeenCalledTimes(3);
});

it('does without where there is no collector to call', async () => {
  globalThis.gc = undefined;
  new EncodingGarbage().expect(encodings(1, 100_000));
  await turn();
});
