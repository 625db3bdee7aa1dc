import { PgVectorStore } from 'embedlane/stores';
import pg from 'pg';
import { afterAll, describe, expect, it } from 'vitest';
import { code } from '../index/support.js';
import { conformance } from './conformance.js';
import { startPglite } from './pglite.js';
import { expectToSurviveSilence } from './silence.js';

const pglite = await startPglite();
afterAll(() => pglite.stop());

conformance({
  open: (collection, options) =>
    PgVectorStore.open(`${pglite.url}/${collection}?bulk=insert`, { connections: 2, ...options }),
  dtypes: {
    f32: ['cosine', 'dot', 'l2'],
    f16: ['cosine', 'dot', 'l2'],
    b1: ['hamming'],
    sparse: ['dot'],
  },
  hybrid: true,
});

describe('PgVectorStore', () => {
  it('refuses URLs and options that make no sense', async () => {
    for (const url of [
      '',
      'notes',
      'http://localhost/db/notes',
      'postgres://localhost',
      'postgres://localhost/db/',
      'postgres://localhost/a/b/c',
      'postgres://localhost/db/bad-name',
      `postgres://localhost/db/${encodeURIComponent('x"; DROP TABLE y')}`,
      'postgres://localhost/db/notes?sslmod=require',
      'postgres://localhost/db/notes?sslmode=maybe',
      'postgres://localhost/db/notes?bulk=fast',
      'postgres://localhost/%ff/notes',
    ]) {
      await expect(PgVectorStore.open(url)).rejects.toThrow(code('ERR_INVALID_ARG'));
    }
    const url = `${pglite.url}/notes`;
    for (const options of [
      { connections: 0 },
      { bulk: 'fast' },
      { connectTimeout: -1 },
      { timeout: 0 },
      { pool: {} },
    ]) {
      await expect(PgVectorStore.open(url, options as never)).rejects.toThrow(code('ERR_INVALID_ARG'));
    }
    const failed = PgVectorStore.open('postgres://me:hidden@localhost/db/bad-name');
    await expect(failed).rejects.not.toThrow(/hidden/);
  });

  it('says that there is no server', async () => {
    await expect(PgVectorStore.open('postgres://me:hidden@127.0.0.1:1/db/notes')).rejects.toThrow(
      code('ERR_REMOTE'),
    );
  });

  it('gives up a server that falls silent, goes on when it answers, and ends without an answer', async () => {
    const { port, pathname } = new URL(pglite.url);
    await using store = await PgVectorStore.open(`${pglite.url}/silent?bulk=insert`);
    await store.create({ dims: 2 });
    await store.upsert([{ id: 'a', vector: [1, 2] }]);
    const url = (through: number) =>
      `postgres://postgres:secret@127.0.0.1:${through}${pathname}/silent?bulk=insert&connectTimeout=500&timeout=500`;
    const failing = (task: string) =>
      new RegExp(`^ERR_REMOTE: Expected PostgreSQL to ${task} table "silent" but received .*timeout`);
    const failures = ['search', 'store records in', 'count records of'].map(failing);
    await expectToSurviveSilence(Number(port), url, failures);
    await store.drop();
  }, 120_000);

  it('leaves tables alone that are not its own', async () => {
    const client = new pg.Client(pglite.url);
    await client.connect();
    await client.query('CREATE TABLE somebody_elses (id int)');
    await using store = await PgVectorStore.open(`${pglite.url}/somebody_elses`);
    await expect(store.create({ dims: 3 })).rejects.toThrow(code('ERR_CONFLICT'));
    await expect(store.drop()).rejects.toThrow(code('ERR_CONFLICT'));
    await client.query('SELECT * FROM somebody_elses');
    await client.end();
  });

  it('takes options from the URL', async () => {
    const url = `${pglite.url}/by_url?fullTextIndex=true&metadataIndex=true&connections=1&connectTimeout=5000`;
    await using store = await PgVectorStore.open(url);
    await store.create({ dims: 3, index: { type: 'flat' } });
    const client = new pg.Client(pglite.url);
    await client.connect();
    const { rows } = await client.query(
      `SELECT indexdef FROM pg_indexes WHERE tablename = 'by_url' AND indexdef LIKE '% gin %'`,
    );
    await client.end();
    expect(rows).toHaveLength(2);
    await store.drop();
  });

  it('refuses an index that pgvector cannot build', async () => {
    await using store = await PgVectorStore.open(`${pglite.url}/too_wide`);
    await expect(store.create({ dims: 2001, index: { type: 'hnsw' } })).rejects.toThrow(
      code('ERR_INVALID_ARG'),
    );
    await store.create({ dims: 2001 });
    expect(await store.info()).toEqual({ dims: 2001, metric: 'cosine', dtype: 'f32' });
    await store.drop();
  });
});
