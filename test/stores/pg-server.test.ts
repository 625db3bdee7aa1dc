import { PgVectorStore, type StoreIndexOptions } from 'embedlane/stores';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { code } from '../index/support.js';
import { Random } from '../native/random.js';
import { DIMS, samples } from './conformance/data.js';
import { ranking } from './conformance/oracle.js';
import { newCollection } from './conformance/target.js';
import { conformance } from './conformance.js';

// `npm run test:postgres` starts a server and sets this; PGlite stands in for it in pg.test.ts.
const server = process.env.EMBEDLANE_TEST_POSTGRES ?? '';
if (server === '') console.warn('SKIPPED: tests of a PostgreSQL server (npm run test:postgres)');

const open = (collection: string, options?: Parameters<typeof PgVectorStore.open>[1]) =>
  PgVectorStore.open(`${server}/${collection}`, options);

describe.skipIf(server === '')('PostgreSQL', () => {
  describe('with binary COPY', () => {
    conformance({
      open,
      dtypes: {
        f32: ['cosine', 'dot', 'l2'],
        f16: ['cosine', 'dot', 'l2'],
        b1: ['hamming'],
        sparse: ['dot'],
      },
      hybrid: true,
    });
  });

  describe('beyond what all stores do', () => {
    let client: pg.Client;
    beforeAll(async () => {
      client = new pg.Client(server);
      await client.connect();
    });
    afterAll(() => client.end());

    it('refuses a wrong password without telling it', async () => {
      const wrong = `${server.replace('secret', 'wrong-word')}/${newCollection()}`;
      const failed = PgVectorStore.open(wrong);
      await expect(failed).rejects.toThrow(code('ERR_REMOTE'));
      await expect(failed).rejects.not.toThrow(/wrong-word/);
    });

    it('goes on when its connections are cut', async () => {
      await using store = await open(newCollection(), { connections: 2 });
      await store.create({ dims: DIMS });
      const cut = () =>
        client.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'embedlane'`,
        );
      const records = samples(300);
      const onProgress = () => void cut();
      expect(await store.upsert(records, { batchSize: 40, onProgress })).toBe(300);
      await cut();
      expect(await store.count()).toBe(300);
      await store.drop();
    });

    it.each<[string, StoreIndexOptions]>([
      ['HNSW', { type: 'hnsw', m: 8, efConstruction: 32 }],
      ['IVFFlat', { type: 'ivf', lists: 10 }],
    ])('finds nearly everything through %s, with a filter as well', async (method, index) => {
      const collection = newCollection();
      await using store = await open(collection, { metadataIndex: true, fullTextIndex: true });
      await store.create({ dims: DIMS, index });
      const records = samples(2000);
      await store.upsert(records);
      await client.query(`REINDEX TABLE "${collection}"; ANALYZE "${collection}"`);
      const { rows } = await client.query('SELECT indexdef FROM pg_indexes WHERE tablename = $1', [
        collection,
      ]);
      expect(rows.map(({ indexdef }) => indexdef).join()).toContain(`USING ${method.toLowerCase()}`);
      const filter = { field: 'year', gte: 2020 };
      let found = 0;
      for (let i = 0; i < 20; i++) {
        const query = new Random(1000 + i).vector(DIMS);
        const expected = ranking(records, query, 'cosine', filter).slice(0, 10);
        const hits = await store.search(query, { k: 10, filter, efSearch: 100, probes: 10 });
        const ids = new Set(hits.map(({ id }) => id));
        found += expected.filter(({ id }) => ids.has(id)).length;
      }
      expect(found / 200).toBeGreaterThan(0.9);
      await store.drop();
    });

    it('makes one collection when two ask for it at once', async () => {
      const collection = newCollection();
      await using first = await open(collection);
      await using second = await open(collection);
      await Promise.all([first.create({ dims: 4 }), second.create({ dims: 4 })]);
      await first.upsert([{ id: 'a', vector: [1, 2, 3, 4] }]);
      expect(await second.count()).toBe(1);
      await first.drop();
      await expect(second.count()).rejects.toThrow(code('ERR_NOT_FOUND'));
    });

    it('says that it may not write where it may only read', async () => {
      const collection = newCollection();
      await using store = await open(collection);
      await store.create({ dims: 2 });
      await store.upsert([{ id: 'a', vector: [1, 2] }]);
      await client.query(`CREATE ROLE reader LOGIN SUPERUSER PASSWORD 'only';
        ALTER ROLE reader SET default_transaction_read_only = on`);
      const { host, pathname } = new URL(server);
      await using reader = await PgVectorStore.open(
        `postgres://reader:only@${host}${pathname}/${collection}`,
      );
      expect(await reader.count()).toBe(1);
      const failed = reader.upsert([{ id: 'b', vector: [1, 2] }]);
      await expect(failed).rejects.toMatchObject({ code: 'ERR_READ_ONLY', stored: 0 });
      await store.drop();
      await client.query('DROP ROLE reader');
    });

    it('stores nothing of a batch that the server refuses', async () => {
      const collection = newCollection();
      await using store = await open(collection);
      await store.create({ dims: 2 });
      await client.query(`ALTER TABLE "${collection}" ADD CHECK (id <> 'refused')`);
      const records = ['a', 'b', 'refused', 'd'].map((id, i) => ({ id, vector: [1, i] }));
      const failed = store.upsert(records, { batchSize: 2 });
      await expect(failed).rejects.toMatchObject({ code: 'ERR_REMOTE', stored: 2 });
      expect(await store.count()).toBe(2);
      await store.drop();
    });
  });
});
