import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { copyStore, LocalStore, openStore, type StoredRecord, type VectorStore } from 'embedlane/stores';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { code } from '../index/support.js';
import { DIMS, samples } from './conformance/data.js';
import { byteOrder, matches } from './conformance/oracle.js';

let folder: string;
let source: VectorStore;
const records = samples(120);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'embedlane-copy-'));
  source = await openStore(join(folder, 'source'));
  await source.create({ dims: DIMS, metric: 'l2' });
  await source.upsert(records);
});
afterAll(async () => {
  await source.close();
  await rm(folder, { recursive: true, force: true });
});

async function contents(store: VectorStore): Promise<StoredRecord[]> {
  const found: StoredRecord[] = [];
  for await (const record of store) found.push(record);
  return found;
}

const sorted = records.slice().sort((a, b) => byteOrder(a.id, b.id));

describe('openStore', () => {
  it('opens a folder by its path and by its URL', async () => {
    const path = join(folder, 'by url');
    await using store = await openStore(pathToFileURL(path));
    expect(store).toBeInstanceOf(LocalStore);
    await store.create({ dims: 2 });
    await store.close();
    await using again = await openStore(path, { readOnly: true });
    expect(await again.count()).toBe(0);
    await expect(again.drop()).rejects.toThrow(code('ERR_READ_ONLY'));
  });

  it.each(['http://localhost/a', 'constructor://a', 'redis:a', '', 'file://host/a'])(
    'refuses %j',
    async (url) => {
      await expect(openStore(url)).rejects.toThrow(code('ERR_INVALID_ARG'));
    },
  );
});

describe('copyStore', () => {
  it('copies everything, and again without harm', async () => {
    await using target = await openStore(join(folder, 'whole'));
    const reported: { completed: number; total: number }[] = [];
    const onProgress = (progress: { completed: number; total: number }) => reported.push(progress);
    expect(await copyStore(source, target, { batchSize: 50, onProgress })).toBe(120);
    expect(reported).toEqual([50, 100, 120].map((completed) => ({ completed, total: 120 })));
    expect(await contents(target)).toEqual(sorted);
    expect(await target.info()).toEqual(await source.info());
    expect(await copyStore(source, target)).toBe(120);
    expect(await contents(target)).toEqual(sorted);
  });

  it('copies what matches, and goes on after an id', async () => {
    await using target = await openStore(join(folder, 'part'));
    const filter = { field: 'flag', eq: true };
    const matching = sorted.filter(({ metadata }) => matches(metadata, filter));
    expect(await copyStore(source, target, { filter })).toBe(matching.length);
    expect(await contents(target)).toEqual(matching);
    await using rest = await openStore(join(folder, 'rest'));
    expect(await copyStore(source, rest, { after: sorted[99].id })).toBe(20);
    expect(await contents(rest)).toEqual(sorted.slice(100));
  });

  it('makes the target in another way', async () => {
    await using half = await openStore(join(folder, 'half'));
    await copyStore(source, half, { dtype: 'f16', metric: 'dot' });
    expect(await half.info()).toEqual({ dims: DIMS, metric: 'dot', dtype: 'f16' });
    await using bits = await openStore(join(folder, 'bits'));
    expect(await copyStore(source, bits, { dtype: 'b1' })).toBe(120);
    expect(await bits.info()).toEqual({ dims: DIMS, metric: 'hamming', dtype: 'b1' });
    await expect(copyStore(source, half, { dtype: 'bf16' })).rejects.toThrow(code('ERR_CONFLICT'));
    await using none = await openStore(join(folder, 'none'));
    const unknown = { index: { type: 'ivf' } } as const;
    await expect(copyStore(source, none, unknown)).rejects.toThrow(code('ERR_INVALID_ARG'));
  });

  it('stops when it is aborted, and says how far it came', async () => {
    await using target = await openStore(join(folder, 'aborted'));
    const abort = new AbortController();
    const failed = copyStore(source, target, {
      batchSize: 10,
      signal: abort.signal,
      onProgress: ({ completed }) => {
        if (completed === 30) abort.abort();
      },
    });
    await expect(failed).rejects.toMatchObject({ code: 'ERR_ABORTED', stored: 30 });
    expect((await contents(target)).slice(0, 30)).toEqual(sorted.slice(0, 30));
  });

  it('refuses what is no store, no collection, or another kind of one', async () => {
    await using empty = await openStore(join(folder, 'empty'));
    await expect(copyStore(empty, source)).rejects.toThrow(code('ERR_NOT_FOUND'));
    await expect(copyStore({} as never, source)).rejects.toThrow(code('ERR_INVALID_ARG'));
    await expect(copyStore(source, null as never)).rejects.toThrow(code('ERR_INVALID_ARG'));
    await expect(copyStore(source, empty, { filtre: {} } as never)).rejects.toThrow(code('ERR_INVALID_ARG'));
    await empty.create({ dims: DIMS, metric: 'cosine' });
    await expect(copyStore(source, empty)).rejects.toThrow(code('ERR_CONFLICT'));
  });
});
