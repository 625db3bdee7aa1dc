import { expect, it } from 'vitest';
import { packRecords } from '#dist/jobs/shards.js';
import type { JobRecord } from '#dist/jobs/types.js';

const limits = { shardRows: 2, shardBytes: 1000 };

async function packed(records: Iterable<JobRecord> | AsyncIterable<JobRecord>, signal?: AbortSignal) {
  const sizes: number[] = [];
  for await (const { items } of packRecords(records, limits, signal)) sizes.push(items);
  return sizes;
}

it('packs records by number and by bytes', async () => {
  const texts = ['a', 'b', 'x'.repeat(2000), 'c', 'd', 'e'];
  expect(await packed(texts.map((text) => ({ text })))).toEqual([2, 1, 2, 1]);
});

it('refuses metadata that JSON cannot say, and names the record', async () => {
  const cyclic: Record<string, unknown> = {};
  cyclic.self = cyclic;
  for (const metadata of [{ count: 1n }, cyclic]) {
    const records = [{ text: 'a' }, { text: 'b', metadata }] as unknown as JobRecord[];
    await expect(packed(records)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG',
      message: expect.stringContaining('request.records[1]'),
    });
  }
});

it('ends the wait for a source that is silent when the signal fires', async () => {
  const stop = new AbortController();
  async function* silent() {
    yield { text: 'a' };
    setImmediate(() => stop.abort());
    await new Promise(() => {});
  }
  await expect(packed(silent(), stop.signal)).rejects.toMatchObject({ code: 'ERR_ABORTED' });
});
