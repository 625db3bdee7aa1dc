import { PgVectorStore } from 'embedlane/stores';
import { packageVersion } from '../lib/machine.mjs';
import { noteMissing, pythonPeer } from '../lib/peers.mjs';
import { byPython } from './race.mjs';
import { batches, DIMS, vectorFile } from './records.mjs';

const TABLE = 'bench';

/** PostgreSQL with pgvector, started by scripts/test-postgres.mjs. */
export async function openPostgres(records) {
  const url = process.env.EMBEDLANE_TEST_POSTGRES;
  if (!url) return noteMissing('PostgreSQL', 'node scripts/test-postgres.mjs node bench/stores.mjs');
  const { default: pg } = await import('pg');
  const { from } = await import('pg-copy-streams');
  const { copyBinary } = await import('#dist/stores/pg/copy-binary.js');
  const store = await PgVectorStore.open(`${url}/${TABLE}`);
  const client = new pg.Client(url);
  await client.connect();
  const vectors = vectorFile(records);
  const python = pythonPeer('postgres', 'psycopg', true);

  const parts = [];
  for (const batch of batches(records, 5000)) {
    const prepared = batch.map((record) => ({ ...record, metadataJson: JSON.stringify(record.metadata) }));
    parts.push(await copyBinary(prepared, { dims: DIMS, metric: 'cosine', dtype: 'f32' }));
  }
  const copyParts = async () => {
    for (const bytes of parts) {
      const stream = client.query(from(`COPY ${TABLE} FROM STDIN WITH (FORMAT binary)`));
      await new Promise((resolve, reject) => stream.on('finish', resolve).on('error', reject).end(bytes));
    }
  };
  const insertTexts = async (given) => {
    await client.query('BEGIN');
    for (const { id, vector, document, metadata } of given) {
      const values = [id, `[${vector.join(',')}]`, document, metadata];
      await client.query(`INSERT INTO ${TABLE} VALUES ($1, $2, $3, $4)`, values);
    }
    await client.query('COMMIT');
  };

  return {
    name: 'PostgreSQL',
    store,
    settle: () => client.query('CHECKPOINT'),
    versions: {
      pg: packageVersion('pg'),
      server: (await client.query('SHOW server_version')).rows[0].server_version,
    },
    routes: [
      { name: 'PgVectorStore', load: (given) => store.upsert(given.values()) },
      {
        name: 'PgVectorStore, replacing',
        replaces: true,
        load: (given) => store.upsert(given.values()),
      },
      ...(python
        ? [
            {
              name: 'psycopg, binary COPY',
              documented: true,
              timedLoad: byPython(python, 'copy_psycopg.py', url, TABLE, vectors.path),
            },
          ]
        : []),
      { name: 'COPY of bytes made before', load: copyParts },
      {
        name: 'pg, INSERT of rows with text',
        rows: Math.ceil(records.length / 10),
        load: insertTexts,
        atLeast: 5,
      },
    ],
    stop: async () => {
      await store.drop();
      await store.close();
      await client.end();
      vectors.remove();
    },
  };
}
