import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual, promisify } from 'node:util';
import { FlatIndex } from 'embedlane';
import { LocalStore, type StoredRecord } from 'embedlane/stores';
import { afterAll, describe, expect, it } from 'vitest';
import { code } from '../index/support.js';
import { Random } from '../native/random.js';
import { applyStep, DIMS, step } from './crash-steps.js';

const CHILD = fileURLToPath(new URL('crash-child.mjs', import.meta.url));
const READONLY_CHILD = fileURLToPath(new URL('readonly-child.mjs', import.meta.url));
const folder = await mkdtemp(join(tmpdir(), 'embedlane-crash-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

const whole = { include: ['vector', 'document', 'metadata'] as const };

async function contents(store: LocalStore): Promise<Map<string, StoredRecord>> {
  const found = new Map<string, StoredRecord>();
  for await (const record of store.scroll(whole)) found.set(record.id, record);
  return found;
}

const inOrder = (state: Map<string, StoredRecord>) =>
  Array.from(state.values()).sort((a, b) => (a.id < b.id ? -1 : 1));

/** Lets a child take steps from `first` on, kills it `delay` ms after the first, and says how many it has acknowledged. */
async function killedAfter(path: string, first: number, delay: number): Promise<number> {
  const child = fork(CHILD, [path], { serialization: 'advanced', stdio: 'inherit' });
  const exited = once(child, 'exit');
  let acknowledged = first;
  let next = first;
  await once(child, 'message');
  const send = () => child.connected && child.send({ number: next, ...step(next++) }, () => {});
  child.on('message', (number: number) => {
    // Counted from the first, so that even a slow machine gets somewhere.
    if (acknowledged === first) setTimeout(() => child.kill('SIGKILL'), delay);
    acknowledged = number + 1;
    send();
  });
  // Two ahead, so that it is never waiting when it is killed.
  send();
  send();
  await exited;
  return acknowledged;
}

describe('a local store whose process is killed', () => {
  it('has what was acknowledged, and the change under way as a whole or not at all', async () => {
    const path = join(folder, 'killed');
    const random = new Random(7);
    const store = await LocalStore.open(path);
    await store.create({ dims: DIMS, metric: 'l2' });
    await store.close();
    const state = new Map<string, StoredRecord>();
    let done = 0;
    for (let round = 0; round < 4; round++) {
      const acknowledged = await killedAfter(path, done, random.below(150));
      for (; done < acknowledged; done++) applyStep(state, step(done));
      await using again = await LocalStore.open(path);
      const found = inOrder(await contents(again));
      // Of the two steps that had been sent ahead, the acknowledgements may have died with the process.
      for (let more = 0; more < 2 && !isDeepStrictEqual(found, inOrder(state)); more++) {
        applyStep(state, step(done++));
      }
      expect(found).toEqual(inOrder(state));
      expect(await again.count()).toBe(state.size);
      for (const record of found.slice(0, 5)) {
        const [hit] = await again.search(record.vector as Float32Array, { k: 1 });
        expect(hit).toMatchObject({ id: record.id, document: record.document, score: 0 });
      }
      const newest = { filter: { field: 'number', gte: done - 3 } };
      const expected = found.filter(({ metadata }) => (metadata?.number as number) >= done - 3);
      expect(await again.count(newest)).toBe(expected.length);
    }
  }, 300_000);
});

describe('a local store whose process ended between its two writes', () => {
  const records = Array.from({ length: 40 }, (_, i) => ({
    id: `id-${i}`,
    vector: new Random(i).vector(DIMS),
    document: `document ${i}`,
  }));

  async function stored(name: string): Promise<string> {
    const path = join(folder, name);
    await using store = await LocalStore.open(path);
    await store.create({ dims: DIMS, metric: 'l2' });
    await store.upsert(records);
    return path;
  }

  it('drops vectors that no record names', async () => {
    const path = await stored('orphans');
    const index = await FlatIndex.open(join(path, 'vectors'), { readOnly: false });
    index.add({ data: new Float32Array(30 * DIMS), rows: 30, dims: DIMS });
    await index.flush();
    await index.close();
    await using reader = await LocalStore.open(path, { readOnly: true });
    const origin = new Float32Array(DIMS);
    expect(await reader.search(origin, { k: 100 })).toHaveLength(40);
    await reader.close();
    await using store = await LocalStore.open(path);
    expect(await store.search(origin, { k: 100 })).toHaveLength(40);
    await store.upsert([{ ...records[0], id: 'after' }]);
    expect(await store.count()).toBe(41);
    await store.close();
    const recovered = await FlatIndex.open(join(path, 'vectors'), { readOnly: true });
    expect(recovered.size).toBe(41);
    await recovered.close();
  });

  it('drops the vectors of records that were deleted', async () => {
    const path = await stored('deleted');
    await cp(join(path, 'vectors'), join(folder, 'before'), { recursive: true });
    const store = await LocalStore.open(path);
    expect(await store.delete(['id-1', 'id-2'])).toBe(2);
    await store.close();
    await rm(join(path, 'vectors'), { recursive: true });
    await cp(join(folder, 'before'), join(path, 'vectors'), { recursive: true });
    await using again = await LocalStore.open(path);
    const hits = await again.search(records[1].vector, { k: 100 });
    expect(hits.map(({ id }) => id).sort()).toEqual(
      records.flatMap(({ id }) => (id === 'id-1' || id === 'id-2' ? [] : [id])).sort(),
    );
  });

  it('is corrupt without the vectors of records', async () => {
    const path = await stored('lost');
    const empty = new FlatIndex({ dims: DIMS, metric: 'l2', accelerate: 'int8' });
    await empty.save(join(path, 'vectors'));
    await expect(LocalStore.open(path)).rejects.toThrow(code('ERR_CORRUPT'));
  });

  it('is corrupt with a damaged database, and of a later version with a later one', async () => {
    const path = await stored('damaged');
    await writeFile(join(path, 'records.db'), Buffer.alloc(8192, 7));
    await expect(LocalStore.open(path)).rejects.toThrow(code('ERR_CORRUPT'));
    const { default: Database } = await import('libsql');
    const later = await stored('later');
    const database = new Database(join(later, 'records.db'));
    database.exec('PRAGMA user_version = 9');
    database.close();
    await expect(LocalStore.open(later)).rejects.toThrow(code('ERR_VERSION'));
  });
});

describe('a folder', () => {
  it('has one writer, and readers that see what it writes', async () => {
    const path = join(folder, 'shared');
    await using writer = await LocalStore.open(path);
    await expect(LocalStore.open(path, { readOnly: true }).then((store) => store.count())).rejects.toThrow(
      code('ERR_NOT_FOUND'),
    );
    await writer.create({ dims: 2, metric: 'l2' });
    await expect(LocalStore.open(path)).rejects.toThrow(code('ERR_LOCKED'));
    await using reader = await LocalStore.open(path, { readOnly: true });
    expect(await reader.count()).toBe(0);
    await writer.upsert([{ id: 'a', vector: [1, 2], metadata: { n: 1 } }]);
    const filter = { field: 'n', eq: 1 };
    expect(await reader.count({ filter })).toBe(1);
    expect(await reader.search([1, 2], { filter })).toMatchObject([{ id: 'a', score: 0 }]);
    await writer.upsert([{ id: 'a', vector: [3, 4], metadata: { n: 2 } }]);
    expect(await reader.count({ filter })).toBe(0);
    expect(await reader.get(['a'], whole)).toEqual([
      { id: 'a', vector: Float32Array.of(3, 4), metadata: { n: 2 } },
    ]);
    for (const call of [
      () => reader.upsert([{ id: 'b', vector: [1, 2] }]),
      () => reader.delete(['a']),
      () => reader.drop(),
    ]) {
      await expect(call()).rejects.toThrow(code('ERR_READ_ONLY'));
    }
  });

  it('that may only be read can be read, and says what it cannot', async (test) => {
    const path = join(folder, 'readonly');
    {
      await using store = await LocalStore.open(join(path, 'store'));
      await store.create({ dims: 2 });
      await store.upsert([{ id: 'a', vector: [1, 2] }]);
    }
    await promisify(execFile)('chmod', ['-R', 'a-w,a+rX', folder]);
    const { stdout } = await promisify(execFile)(process.execPath, [READONLY_CHILD, path]);
    await promisify(execFile)('chmod', ['-R', 'u+w', folder]);
    if (JSON.parse(stdout) === null) test.skip('this checkout can only be read by root');
    expect(JSON.parse(stdout)).toEqual({
      read: '1',
      write: expect.stringMatching(/^ERR_(IO|READ_ONLY): .*readonly\/store/),
      create: expect.stringMatching(/^ERR_IO: .*readonly\/new/),
    });
  });

  it('with other files does not become a store', async () => {
    const path = join(folder, 'foreign');
    await cp(CHILD, join(path, 'file.mjs'));
    await using store = await LocalStore.open(path);
    await expect(store.create({ dims: 2 })).rejects.toThrow(code('ERR_CONFLICT'));
  });

  it('is named by a path or a URL', async () => {
    for (const bad of [
      undefined,
      '',
      7,
      'file://host/path',
      'file:notes',
      'file:',
      new URL('http://localhost/'),
    ]) {
      await expect(LocalStore.open(bad as never)).rejects.toThrow(code('ERR_INVALID_ARG'));
    }
    await expect(LocalStore.open('a', { readonly: true } as never)).rejects.toThrow(code('ERR_INVALID_ARG'));
    const url = new URL(`file://${folder}/with%20space`);
    await using store = await LocalStore.open(url);
    await store.create({ dims: 2 });
    await store.close();
    await using again = await LocalStore.open(join(folder, 'with space'));
    expect(await again.info()).toMatchObject({ dims: 2 });
  });
});
