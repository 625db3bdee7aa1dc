import { SeekdbStore, type StoreRecord, type VectorStore } from 'embedlane/stores';
import mysql from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { code } from '../index/support.js';
import { Random } from '../native/random.js';
import { examplesOf, runExample } from '../package/examples.js';
import { newCollection } from './conformance/target.js';
import { answers, hasSeekdb, startSeekdb } from './servers/seekdb.mjs';
import { type DatabaseServer, freePort } from './servers/server.mjs';
import { expectToSurviveSilence } from './silence.js';

// Servers start slowly where the machine is busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const DIMS = 32;

function randomRecords(count: number): (StoreRecord & { vector: Float32Array })[] {
  const random = new Random(7);
  return Array.from({ length: count }, (_, i) => ({
    id: `r${i}`,
    vector: random.vector(DIMS),
    metadata: { i },
  }));
}

describe.skipIf(!hasSeekdb)('SeekdbStore', () => {
  let server: DatabaseServer;
  let connection: mysql.Connection;
  beforeAll(async () => {
    server = await startSeekdb();
    connection = await mysql.createConnection({
      host: '127.0.0.1',
      port: server.port,
      user: 'root',
      database: 'test',
    });
  });
  afterAll(async () => {
    await Promise.all(stores.map((store) => store.close()));
    await connection?.end();
    await server?.stop();
  });

  const stores: VectorStore[] = [];
  const opened = async (options?: Parameters<typeof SeekdbStore.open>[1], collection = newCollection()) => {
    const store = await SeekdbStore.open(`seekdb://127.0.0.1:${server.port}/${collection}`, options);
    stores.push(store);
    return store;
  };

  it.each([
    { type: 'flat' },
    { type: 'hnsw', m: 8, efConstruction: 60 },
    { type: 'hnsw_sq' },
    { type: 'ivf', lists: 4 },
  ] as const)('searches with the index $type', async (index) => {
    const records = randomRecords(300);
    const store = await opened();
    await store.create({ dims: DIMS, metric: 'l2', index });
    await store.upsert(records);
    const query = records[7].vector.map((value) => value + 0.01);
    const exact = await store.search(query, { k: 20, exact: true });
    expect(exact[0].id).toBe('r7');
    const found = await store.search(query, { k: 20, efSearch: 200, probes: 4 });
    const ids = new Set(found.map(({ id }) => id));
    expect(found).toHaveLength(20);
    expect(exact.filter(({ id }) => ids.has(id)).length).toBeGreaterThanOrEqual(14);
    const filtered = await store.search(query, { k: 5, filter: { field: 'i', lt: 10 } });
    expect(filtered[0].id).toBe('r7');
    expect(filtered.every(({ metadata }) => (metadata?.i as number) < 10)).toBe(true);
    await store.drop();
  });

  it('makes the index that it was asked for', async () => {
    const collection = newCollection();
    const store = await opened({ fullText: 'ngram' }, collection);
    await store.create({ dims: DIMS, metric: 'dot', index: { type: 'hnsw_sq', m: 24, efConstruction: 90 } });
    const [[row]] = await connection.query<mysql.RowDataPacket[]>('SHOW CREATE TABLE ??', [collection]);
    expect(row['Create Table']).toMatch(
      /DISTANCE=INNER_PRODUCT, TYPE=HNSW_SQ, LIB=VSAG, M=24, EF_CONSTRUCTION=90/,
    );
    expect(row['Create Table']).toMatch(/FULLTEXT KEY `words` \(`document`\) WITH PARSER ngram/i);
    const [plan] = await connection.query<mysql.RowDataPacket[]>(
      'EXPLAIN SELECT id FROM ?? ORDER BY negative_inner_product(vector, ?) APPROXIMATE LIMIT 3',
      [collection, Buffer.alloc(4 * DIMS, 1)],
    );
    expect(JSON.stringify(plan)).toContain('VECTOR INDEX SCAN');
  });

  it('gives back every bit of a vector, also of those whose bytes look like text', async () => {
    const store = await opened();
    await store.create({ dims: 4, metric: 'l2' });
    const vectors = [
      new Float32Array(new Uint8Array(Buffer.from(`[1,2,3,4]'";--\\x`)).buffer),
      Float32Array.of(1 / 3, 1e-20, -1e38, 16_777_217),
      Float32Array.of(0.1, 0.2, 0.30000001192092896, -0),
    ];
    await store.upsert(vectors.map((vector, i) => ({ id: `${i}`, vector })));
    const found = await store.get(['0', '1', '2'], { include: ['vector'] });
    found.forEach((record, i) => {
      expect(Array.from(record?.vector as Float32Array, (value) => value + 0)).toEqual(
        Array.from(vectors[i], (value) => value + 0),
      );
    });
  });

  it('refuses a table that it has not made', async () => {
    const collection = newCollection();
    await connection.query('CREATE TABLE ?? (id INT PRIMARY KEY)', [collection]);
    const store = await opened({}, collection);
    await expect(store.info()).rejects.toThrow(code('ERR_CONFLICT'));
    await expect(store.create({ dims: 4 })).rejects.toThrow(code('ERR_CONFLICT'));
    await expect(store.count()).rejects.toThrow(code('ERR_CONFLICT'));
  });

  it('notices that a table has gone', async () => {
    const collection = newCollection();
    const store = await opened({}, collection);
    await store.create({ dims: 4 });
    await connection.query('DROP TABLE ??', [collection]);
    await expect(store.count()).rejects.toThrow(code('ERR_NOT_FOUND'));
    await expect(store.upsert([{ id: 'a', vector: [1, 2, 3, 4] }])).rejects.toThrow(code('ERR_NOT_FOUND'));
  });

  it('makes one table when several clients want it', async () => {
    const collection = newCollection();
    const clients = await Promise.all([1, 2, 3].map(() => opened({}, collection)));
    await Promise.all(clients.map((store) => store.create({ dims: 4 })));
    await Promise.all(clients.map((store, i) => store.upsert([{ id: `${i}`, vector: [1, 2, 3, i] }])));
    expect(await clients[0].count()).toBe(3);
  });

  it('refuses what seekdb cannot index', async () => {
    const store = await opened();
    for (const options of [
      { dims: 4097 },
      { dims: 16_001, index: { type: 'flat' } },
      { dims: 500_001, dtype: 'sparse' },
      { dims: 100, dtype: 'sparse', index: { type: 'hnsw' } },
      { dims: 8, dtype: 'b1' },
      { dims: 8, metric: 'hamming' },
    ] as const) {
      await expect(store.create(options)).rejects.toThrow(code('ERR_INVALID_ARG'));
    }
    await store.create({ dims: 4097, index: { type: 'flat' } });
    await store.upsert([{ id: 'a', vector: new Float32Array(4097).fill(1) }]);
    expect((await store.search(new Float32Array(4097).fill(1)))[0].id).toBe('a');
  });

  it('names the record that is too large, and takes one that is nearly', async () => {
    const store = await opened();
    await store.create({ dims: 2 });
    const long = { id: 'long', vector: [1, 2], document: `'`.repeat(4 * 2 ** 20 + 1) };
    await expect(store.upsert([long])).rejects.toThrow(/4194304 bytes.*document.*"long".*4194305/);
    await store.upsert([{ ...long, document: long.document.slice(1) }]);
    expect((await store.get(['long']))[0]?.document).toHaveLength(4 * 2 ** 20);
    // Together more than a packet, which has 16 MB: each of these bytes takes two.
    const many = Array.from({ length: 5 }, (_, i) => ({
      ...long,
      id: `m${i}`,
      document: `'`.repeat(3 * 2 ** 20),
    }));
    expect(await store.upsert(many)).toBe(5);
    expect(await store.count()).toBe(6);
  });

  it('stores nothing of a batch that the server refuses', async () => {
    const collection = newCollection();
    const store = await opened({}, collection);
    await store.create({ dims: 2 });
    await connection.query("ALTER TABLE ?? ADD CONSTRAINT fine CHECK (document <> 'refused')", [collection]);
    const records = ['a', 'b', 'refused', 'd'].map((id, i) => ({ id, vector: [1, i], document: id }));
    const failed = store.upsert(records, { batchSize: 2 });
    await expect(failed).rejects.toMatchObject({ code: 'ERR_REMOTE', stored: 2 });
    expect(await store.count()).toBe(2);
  });

  it('says that it may not write where it may only read', async () => {
    const collection = newCollection();
    const store = await opened({}, collection);
    await store.create({ dims: 2 });
    await store.upsert([{ id: 'a', vector: [1, 2] }]);
    await connection.query("CREATE USER reader IDENTIFIED BY 'only'");
    await connection.query('GRANT SELECT ON test.* TO reader');
    await using reader = await SeekdbStore.open(
      `seekdb://reader:only@127.0.0.1:${server.port}/test/${collection}`,
    );
    expect(await reader.count()).toBe(1);
    const failed = reader.upsert([{ id: 'b', vector: [1, 2] }]);
    await expect(failed).rejects.toMatchObject({ code: 'ERR_REMOTE', stored: 0 });
    await expect(failed).rejects.toThrow(/store records in .*denied/);
  });

  it('refuses wrong credentials at once, without showing them', async () => {
    const url = `seekdb://nobody:hunter2@127.0.0.1:${server.port}/notes`;
    await expect(SeekdbStore.open(url)).rejects.toMatchObject({ code: 'ERR_REMOTE' });
    await expect(SeekdbStore.open(url)).rejects.toThrow(/^(?!.*hunter2).*Access denied/);
    const database = `seekdb://127.0.0.1:${server.port}/nowhere/notes`;
    await expect(SeekdbStore.open(database)).rejects.toThrow(/Unknown database/);
  });

  it('runs the example of its page', async () => {
    const [{ code: program, printed }] = examplesOf('docs/seekdb.md');
    const here = program.replace('127.0.0.1:2881', `127.0.0.1:${server.port}`);
    expect(here).not.toBe(program);
    expect(await runExample('docs/seekdb.md', here)).toEqual({ stdout: printed, stderr: '', status: 0 });
  });

  it('gives up a server that falls silent, goes on when it answers, and ends without an answer', async () => {
    const collection = newCollection();
    const store = await opened({}, collection);
    await store.create({ dims: 2 });
    await store.upsert([{ id: 'a', vector: [1, 2] }]);
    const url = (port: number) => `seekdb://127.0.0.1:${port}/${collection}?timeout=500`;
    const failure = (task: string) =>
      new RegExp(
        `^ERR_REMOTE: Expected seekdb to ${task} '${collection}' but received .*(ETIMEDOUT|timeout)`,
      );
    await expectToSurviveSilence(server.port!, url, [
      failure('search'),
      failure('store records in'),
      failure('count records of'),
    ]);
  });

  it('refuses options that it does not know', async () => {
    const url = `seekdb://127.0.0.1:${server.port}/notes`;
    for (const options of [
      { fullText: true },
      { fullText: 'klingon' },
      { aiModel: 7 },
      { tls: 'yes' },
      { connections: 0 },
      { timeout: -1 },
      { conections: 4 },
    ]) {
      await expect(SeekdbStore.open(url, options as never)).rejects.toThrow(code('ERR_INVALID_ARG'));
    }
    await expect(SeekdbStore.open('mysql://localhost/notes')).rejects.toThrow(code('ERR_INVALID_ARG'));
  });

  it('escapes also where the server has been told not to', async () => {
    await connection.query("SET GLOBAL sql_mode = 'NO_BACKSLASH_ESCAPES'");
    try {
      const store = await opened();
      await store.create({ dims: 2 });
      const hostile = `\\'); DROP TABLE notes; -- `;
      await store.upsert([{ id: hostile, vector: [1, 2], document: hostile, metadata: { hostile } }]);
      expect(await store.get([hostile])).toEqual([{ id: hostile, document: hostile, metadata: { hostile } }]);
      expect(await store.count({ filter: { field: 'hostile', eq: hostile } })).toBe(1);
    } finally {
      await connection.query("SET GLOBAL sql_mode = 'STRICT_ALL_TABLES'");
    }
  });
});

describe.skipIf(!hasSeekdb)('SeekdbStore and a failing server', () => {
  it('says that there is none', async () => {
    const port = await freePort();
    await expect(SeekdbStore.open(`seekdb://root:secret@127.0.0.1:${port}/notes`)).rejects.toThrow(
      /^Expected seekdb to answer at 127\.0\.0\.1 but received connect ECONNREFUSED/,
    );
  });

  it('goes on when it comes back, with what was acknowledged', async () => {
    const server = await startSeekdb();
    try {
      await using store = await SeekdbStore.open(`seekdb://127.0.0.1:${server.port}/notes`);
      await store.create({ dims: DIMS });
      await store.upsert(randomRecords(100));
      await server.kill();
      await expect(store.upsert(randomRecords(1))).rejects.toMatchObject({ code: 'ERR_REMOTE', stored: 0 });
      await server.start();
      await answers(server.port);
      expect(await store.count()).toBe(100);
      expect(await store.upsert([{ id: 'late', vector: randomRecords(1)[0].vector }])).toBe(1);
      expect((await store.search(randomRecords(8)[7].vector, { k: 1 }))[0].id).toBe('r7');
    } finally {
      await server.stop();
    }
  });
});
