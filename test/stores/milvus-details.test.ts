import { MilvusClient } from '@zilliz/milvus2-sdk-node';
import { MilvusStore, type StoreRecord, type VectorStore } from 'embedlane/stores';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { columnsOf } from '#dist/stores/milvus/columns.js';
import { decodeMetadata, encodeMetadata } from '#dist/stores/milvus/metadata.js';
import { code } from '../index/support.js';
import { Random } from '../native/random.js';
import { examplesOf, runExample } from '../package/examples.js';
import { newCollection } from './conformance/target.js';
import {
  hasMilvus,
  hasMilvusCore,
  startGuardedMilvus,
  startMilvus,
  startMilvusCore,
} from './servers/milvus.mjs';
import { type DatabaseServer, freePort } from './servers/server.mjs';
import { expectToSurviveSilence } from './silence.js';

// Servers start slowly where the machine is busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

if (!hasMilvusCore) {
  console.warn(
    'SKIPPED: no Milvus Lite 2.5 for 16-bit and binary vectors; run node scripts/install-servers.mjs',
  );
}

const DIMS = 32;

function randomRecords(count: number): (StoreRecord & { vector: Float32Array })[] {
  const random = new Random(7);
  return Array.from({ length: count }, (_, i) => ({
    id: `r${i}`,
    vector: random.vector(DIMS),
    metadata: { i },
  }));
}

const urlOf = (server: DatabaseServer, collection: string) =>
  `milvus://127.0.0.1:${server.port}/${collection}`;

describe('records for Milvus', () => {
  const record = (vector: number[]) => {
    return {
      id: 'a',
      vector: Float32Array.from(vector),
      document: undefined,
      metadata: {},
      metadataJson: '{}',
    };
  };
  const info = { dims: 3, metric: 'dot', dtype: 'i8' } as const;

  // No Milvus Lite has fields of this type.
  it('send int8 as bytes', () => {
    const columns = columnsOf([record([1, -128, 127]), record([0, 5, -1])], info);
    expect(columns[1]).toEqual({
      type: 105,
      field_name: 'vector',
      vectors: { dim: 3, int8_vector: Buffer.from([1, 128, 127, 0, 5, 255]) },
    });
  });

  it.each([
    ['i8', 0.5],
    ['i8', 128],
  ] as const)('of %s cannot hold %d', (dtype, value) => {
    const records = [record([1, 2, 3]), { ...record([1, value, 3]), id: 'bad' }];
    expect(() => columnsOf(records, { ...info, dtype })).toThrow(code('ERR_INVALID_ARG'));
    expect(() => columnsOf(records, { ...info, dtype })).toThrow(/"bad"\[1\]/);
  });

  it('of sparse vectors have no weights below 0', () => {
    const vector = { indices: Uint32Array.of(1, 5), values: Float32Array.of(1, -0.5) };
    const records = [record([]), record([])].map((raw, i) => ({ ...raw, id: `s${i}`, vector }));
    expect(() => columnsOf(records, { dims: 9, metric: 'dot', dtype: 'sparse' })).toThrow(
      /from 0 on.*"s0"\[1\]/,
    );
  });
});

describe('metadata for Milvus', () => {
  // Each field once copied all fields before it: 96 ms a record.
  it('of a thousand fields are sorted in a moment', () => {
    const metadata = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`field ${i}`, i]));
    const start = performance.now();
    for (let i = 0; i < 20; i++) expect(decodeMetadata(encodeMetadata(metadata, true))).toEqual(metadata);
    expect(performance.now() - start).toBeLessThan(1000);
  });
});

describe.skipIf(!hasMilvusCore)('MilvusStore on the core of Milvus', () => {
  let server: DatabaseServer;
  beforeAll(async () => {
    server = await startMilvusCore();
  });
  afterAll(() => server?.stop());

  it.each([
    ['f32', 1e-6],
    ['f16', 1e-3],
    ['bf16', 1e-2],
  ] as const)('keeps %s vectors', async (dtype, tolerance) => {
    const records = randomRecords(50);
    await using store = await MilvusStore.open(urlOf(server, newCollection()));
    await store.create({ dims: DIMS, dtype, metric: 'l2', index: { type: 'flat' } });
    expect(await store.info()).toEqual({ dims: DIMS, dtype, metric: 'l2' });
    expect(await store.upsert(records)).toBe(50);
    const hits = await store.search(records[7].vector, { k: 3 });
    expect(hits[0].id).toBe('r7');
    expect(hits[0].score).toBeLessThan(tolerance * 10);
    const [found] = await store.get(['r7'], { include: ['vector'] });
    (found!.vector as Float32Array).forEach((value, i) => {
      expect(Math.abs(value - records[7].vector[i])).toBeLessThan(tolerance * 4);
    });
    const exact = await store.search(records[7].vector, { k: 3, exact: true });
    expect(exact.map(({ id }) => id)).toEqual(hits.map(({ id }) => id));
    await store.drop();
  });

  it('keeps bits', async () => {
    const records = randomRecords(50);
    await using store = await MilvusStore.open(urlOf(server, newCollection()));
    await expect(store.create({ dims: 12, dtype: 'b1' })).rejects.toThrow(/multiple of 8.*dims.*12/);
    await store.create({ dims: DIMS, dtype: 'b1' });
    await store.upsert(records);
    expect((await store.search(records[7].vector, { k: 1 }))[0]).toMatchObject({ id: 'r7', score: 0 });
    const [found] = await store.get(['r7'], { include: ['vector'] });
    const bits = Array.from(
      { length: DIMS },
      (_, i) => ((found!.vector as Uint8Array)[i >> 3] >> (7 - (i & 7))) & 1,
    );
    expect(bits).toEqual(Array.from(records[7].vector, (value) => (value > 0 ? 1 : 0)));
    await store.drop();
  });
});

describe.skipIf(!hasMilvus)('MilvusStore', () => {
  let server: DatabaseServer;
  beforeAll(async () => {
    server = await startMilvus();
  });
  afterAll(() => server?.stop());

  const collections: VectorStore[] = [];
  const opened = async (options?: Parameters<typeof MilvusStore.open>[1], collection = newCollection()) => {
    const store = await MilvusStore.open(urlOf(server, collection), options);
    collections.push(store);
    return store;
  };
  afterAll(() => Promise.all(collections.map((store) => store.close())));

  it('works on one partition beside others', async () => {
    const collection = newCollection();
    const [one, two, whole] = await Promise.all([
      opened({ partition: 'one' }, collection),
      opened({ partition: 'two' }, collection),
      opened({}, collection),
    ]);
    await one.create({ dims: 2 });
    expect(await two.info()).toBeUndefined();
    await expect(two.create({ dims: 3 })).rejects.toThrow(code('ERR_CONFLICT'));
    await two.create({ dims: 2 });
    await one.upsert([
      { id: 'a', vector: [1, 0] },
      { id: 'b', vector: [1, 1] },
    ]);
    await two.upsert([{ id: 'c', vector: [1, 0] }]);
    expect([await one.count(), await two.count(), await whole.count()]).toEqual([2, 1, 3]);
    expect((await two.search([1, 0])).map(({ id }) => id)).toEqual(['c']);
    expect(await two.get(['a', 'c'])).toEqual([undefined, { id: 'c', metadata: {} }]);
    expect(await two.delete(['a'])).toBe(0);
    const ids = [];
    for await (const { id } of one) ids.push(id);
    expect(ids).toEqual(['a', 'b']);
    await one.drop();
    expect(await one.info()).toBeUndefined();
    expect(await whole.count()).toBe(1);
  });

  it('refuses a collection that it has not made', async () => {
    const collection = newCollection();
    const client = new MilvusClient({ address: `127.0.0.1:${server.port}`, logLevel: 'error' });
    await client.createCollection({
      collection_name: collection,
      fields: [
        { name: 'key', data_type: 'Int64', is_primary_key: true },
        { name: 'embedding', data_type: 'FloatVector', dim: 4 },
      ],
    });
    await client.closeConnection();
    const store = await opened({}, collection);
    await expect(store.info()).rejects.toThrow(code('ERR_CONFLICT'));
    await expect(store.create({ dims: 4 })).rejects.toThrow(code('ERR_CONFLICT'));
    await expect(store.count()).rejects.toThrow(code('ERR_CONFLICT'));
  });

  it('finishes a collection that somebody began to make', async () => {
    const collection = newCollection();
    const store = await opened({}, collection);
    await store.create({ dims: 4 });
    const client = new MilvusClient({ address: `127.0.0.1:${server.port}`, logLevel: 'error' });
    await client.releaseCollection({ collection_name: collection });
    await client.dropIndex({ collection_name: collection, field_name: 'vector' });
    await client.closeConnection();
    expect(await store.info()).toBeUndefined();
    await expect(store.create({ dims: 5 })).rejects.toThrow(code('ERR_CONFLICT'));
    await store.create({ dims: 4, metric: 'l2' });
    expect(await store.info()).toEqual({ dims: 4, metric: 'l2', dtype: 'f32' });
  });

  it('names the record that is too large', async () => {
    const store = await opened();
    await store.create({ dims: 2 });
    const fine = { id: 'fine', vector: [1, 2] };
    const long = { id: 'long', vector: [1, 2], document: 'ä'.repeat(33_000) };
    await expect(store.upsert([fine, long])).rejects.toThrow(/65535 bytes.*document.*"long".*66000/);
    const fields = Object.fromEntries(
      Array.from({ length: 1000 }, (_, i) => [`field ${String(i).padStart(44, '0')}`, [i, String(i)]]),
    );
    const wide = { id: 'wide', vector: [1, 2], metadata: fields };
    await expect(store.upsert([fine, wide])).rejects.toThrow(/65535 bytes.*metadata.*"wide"/);
    expect(await store.count()).toBe(0);
    await store.upsert([{ ...long, document: 'ä'.repeat(32_767) }]);
    expect((await store.get(['long']))[0]?.document).toHaveLength(32_767);
  });

  it('sends no more at once than a message may have', async () => {
    const store = await opened();
    await store.create({ dims: 2 });
    const document = 'x'.repeat(60_000);
    const records = Array.from({ length: 350 }, (_, i) => ({ id: `r${i}`, vector: [1, i], document }));
    const stored: number[] = [];
    await store.upsert(records, { onProgress: ({ completed }) => stored.push(completed) });
    // 16 MiB of them, and the rest.
    expect(stored).toHaveLength(2);
    expect(stored[0] * document.length).toBeLessThan(16 * 2 ** 20);
    expect(await store.count()).toBe(350);
  });

  it('says how much is stored when the collection goes while it is written to', async () => {
    const collection = newCollection();
    const store = await opened({}, collection);
    const other = await opened({}, collection);
    await store.create({ dims: 2 });
    let onProgress = () => {};
    const isStored = new Promise<void>((resolve) => {
      onProgress = resolve;
    });
    async function* records() {
      for (let i = 0; i < 3; i++) yield { id: `r${i}`, vector: [1, i] };
      await isStored;
      await other.drop();
      for (let i = 3; i < 6; i++) yield { id: `r${i}`, vector: [1, i] };
    }
    const failed = store.upsert(records(), { batchSize: 2, onProgress });
    await expect(failed).rejects.toMatchObject({ code: 'ERR_NOT_FOUND', stored: 2 });
  });

  it('has two writers', async () => {
    const collection = newCollection();
    // Of other options, so that they have connections of their own.
    const writers = await Promise.all([opened({}, collection), opened({ timeout: 59_000 }, collection)]);
    await Promise.all(writers.map((store) => store.create({ dims: DIMS })));
    const records = randomRecords(60);
    const parts = [records.slice(0, 40), records.slice(20)];
    await Promise.all(writers.map((store, i) => store.upsert(parts[i], { batchSize: 7 })));
    expect(await Promise.all(writers.map((store) => store.count()))).toEqual([60, 60]);
  });

  it('filters by thousands of values', async () => {
    const store = await opened();
    await store.create({ dims: DIMS });
    await store.upsert(randomRecords(40));
    const values = Array.from({ length: 2000 }, (_, i) => 2 * i);
    expect(await store.count({ filter: { field: 'i', in: values } })).toBe(20);
    expect(await store.count({ filter: { not: { field: 'i', in: [...values, 'x', true] } } })).toBe(20);
  });

  it('needs full text for hybrid searches', async () => {
    const collection = newCollection();
    const plain = await opened({}, collection);
    await plain.create({ dims: 2 });
    await expect(plain.search([1, 0], { hybrid: { words: 'a' } })).rejects.toThrow(code('ERR_INVALID_ARG'));
    const worded = await opened({ fullText: true }, collection);
    await expect(worded.search([1, 0], { hybrid: { words: 'a' } })).rejects.toThrow(code('ERR_CONFLICT'));
  });

  it('runs the example of its page', async () => {
    const [{ code: program, printed }] = examplesOf('docs/milvus.md');
    const here = program.replace('127.0.0.1:19530', `127.0.0.1:${server.port}`);
    expect(here).not.toBe(program);
    expect(await runExample('docs/milvus.md', here)).toEqual({ stdout: printed, stderr: '', status: 0 });
  });

  it('shares a connection with others, and ends it with the last', async () => {
    const collection = newCollection();
    const [one, two] = await Promise.all([opened({}, collection), opened({}, collection)]);
    await one.create({ dims: 2 });
    await one.close();
    await one.close();
    expect(await two.upsert([{ id: 'a', vector: [1, 2] }])).toBe(1);
    await two.close();
    await expect(two.count()).rejects.toThrow(code('ERR_CLOSED'));
    const three = await opened({}, collection);
    expect(await three.count()).toBe(1);
  });

  it('gives up a server that falls silent, goes on when it answers, and ends without an answer', async () => {
    const collection = newCollection();
    const store = await opened({}, collection);
    await store.create({ dims: 2 });
    await store.upsert([{ id: 'a', vector: [1, 2] }]);
    const url = (port: number) => `milvus://127.0.0.1:${port}/${collection}?timeout=1000`;
    const failure = (task: string) =>
      new RegExp(`^ERR_REMOTE: Expected Milvus to ${task} '${collection}' but received Deadline exceeded`);
    await expectToSurviveSilence(server.port!, url, [
      failure('search'),
      failure('store records in'),
      failure('count records of'),
    ]);
  });

  it('refuses options that it does not know', async () => {
    const url = urlOf(server, 'notes');
    for (const options of [
      { token: 7 },
      { consistency: 'weak' },
      { partition: 'a-b' },
      { partition: '' },
      { fullText: 'ik' },
      { timeout: 0 },
      { conistency: 'strong' },
    ]) {
      await expect(MilvusStore.open(url, options as never)).rejects.toThrow(code('ERR_INVALID_ARG'));
    }
    for (const wrong of [
      'http://localhost/notes',
      'milvus://localhost',
      'milvus://localhost/a/b/c',
      'milvus://h/a-b',
    ]) {
      await expect(MilvusStore.open(wrong)).rejects.toThrow(code('ERR_INVALID_ARG'));
    }
  });
});

describe.skipIf(!hasMilvus)('MilvusStore and a failing server', () => {
  it('says that there is none', async () => {
    const port = await freePort();
    await expect(MilvusStore.open(`milvus://user:secret@127.0.0.1:${port}/notes`)).rejects.toThrow(
      /^Expected Milvus to answer at 127\.0\.0\.1:\d+ but received No connection/,
    );
  });

  it('shows its credentials, and repeats what a busy server has refused or may have done', async () => {
    const server = await startGuardedMilvus('reader:pass:word');
    try {
      const path = `127.0.0.1:${server.port}/default/notes`;
      for (const wrong of [`milvus://${path}`, `milvus://reader:hunter2@${path}`]) {
        const failed = MilvusStore.open(wrong);
        await expect(failed).rejects.toMatchObject({ code: 'ERR_REMOTE' });
        await expect(failed).rejects.toThrow(/^(?!.*hunter2).*credentials are refused: auth check failure/);
      }
      await using withToken = await MilvusStore.open(`milvus://${path}`, { token: 'reader:pass:word' });
      await using store = await MilvusStore.open(`milvus://reader:pass%3Aword@${path}`);
      await store.create({ dims: DIMS });
      expect(await store.upsert(randomRecords(30), { batchSize: 10 })).toBe(30);
      expect(await withToken.count()).toBe(30);
      expect(await store.get(['r29'])).toEqual([{ id: 'r29', metadata: { i: 29 } }]);
    } finally {
      await server.stop();
    }
  });

  it('goes on when it comes back, with what was acknowledged', async () => {
    const server = await startMilvus();
    try {
      await using store = await MilvusStore.open(urlOf(server, 'notes'), { timeout: 5000 });
      await store.create({ dims: DIMS });
      await store.upsert(randomRecords(100));
      await server.kill();
      await expect(store.upsert(randomRecords(1))).rejects.toMatchObject({ code: 'ERR_REMOTE', stored: 0 });
      await server.start();
      expect(await store.count()).toBe(100);
      expect(await store.upsert([{ id: 'late', vector: randomRecords(1)[0].vector }])).toBe(1);
      expect(await store.count()).toBe(101);
    } finally {
      await server.stop();
    }
  });
});
