/**
 * PostgreSQL: how fast the store loads, against row INSERTs with text vectors and a COPY of bytes that were made before.
 *
 *   node scripts/test-postgres.mjs node bench/stores.mjs [--rows 100000]
 */
import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { PgVectorStore } from 'embedlane/stores';

const DIMS = 384;
const LANGUAGES = ['de', 'en', 'fr', 'es', 'it', 'pt', 'nl', 'sv', 'pl', 'cs'];

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '100000' },
  },
});
const rows = Number(values.rows);

/** Numbers that repeat (xorshift32), roughly uniform in [-1, 1). */
function randomVector(seed) {
  let state = Math.imul(seed + 1, 2654435761) | 1;
  const vector = new Float32Array(DIMS);
  for (let i = 0; i < DIMS; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    vector[i] = state / 2 ** 31;
  }
  return vector;
}

const metadataOf = (i) => ({
  place: i,
  year: 2000 + (i % 25),
  lang: LANGUAGES[(i * 7) % 10],
  flag: i % 3 === 0,
});

function* records(count) {
  for (let i = 0; i < count; i++) {
    yield { id: `record-${i}`, vector: randomVector(i), document: `Document ${i}`, metadata: metadataOf(i) };
  }
}

const perSecond = (count, milliseconds) =>
  `${Math.round(count / (milliseconds / 1000)).toLocaleString('en')} records/s`;
async function timed(work) {
  const started = performance.now();
  const result = await work();
  return { result, milliseconds: performance.now() - started };
}

await postgres();

async function postgres() {
  const url = process.env.EMBEDLANE_TEST_POSTGRES;
  assert(url, 'Run this through scripts/test-postgres.mjs, or set EMBEDLANE_TEST_POSTGRES.');
  const { default: pg } = await import('pg');
  const { from } = await import('pg-copy-streams');
  const { copyBinary } = await import('#dist/stores/pg/copy-binary.js');
  const client = new pg.Client(url);
  await client.connect();
  console.log(`PostgreSQL with pgvector, ${rows.toLocaleString('en')} × ${DIMS}, no vector index`);

  const store = await PgVectorStore.open(`${url}/bench_store`);
  await store.drop();
  await store.create({ dims: DIMS, index: { type: 'flat' } });
  const all = Array.from(records(rows));
  await client.query('CHECKPOINT');
  const ours = await timed(() => store.upsert(all.values()));
  console.log(`  store                          ${perSecond(rows, ours.milliseconds)}`);
  await client.query('CHECKPOINT');
  const again = await timed(() => store.upsert(all.values()));
  console.log(`  store, replacing               ${perSecond(rows, again.milliseconds)}`);
  await store.drop();
  await store.close();

  await client.query(
    `CREATE TABLE bench (id text COLLATE "C" PRIMARY KEY, vector vector(${DIMS}), document text, metadata jsonb)`,
  );
  await client.query('CHECKPOINT');
  const parts = [];
  for (let start = 0; start < rows; start += 5000) {
    const batch = all.slice(start, start + 5000).map((record) => ({
      ...record,
      metadataJson: JSON.stringify(record.metadata),
    }));
    parts.push(await copyBinary(batch, { dims: DIMS, metric: 'cosine', dtype: 'f32' }));
  }
  const copy = await timed(async () => {
    for (const bytes of parts) {
      const stream = client.query(from('COPY bench FROM STDIN WITH (FORMAT binary)'));
      await new Promise((resolve, reject) => stream.on('finish', resolve).on('error', reject).end(bytes));
    }
  });
  console.log(`  COPY of bytes made before      ${perSecond(rows, copy.milliseconds)}`);
  await client.query('TRUNCATE bench');
  await client.query('CHECKPOINT');
  const some = Math.min(rows, 10_000);
  const inserts = await timed(async () => {
    await client.query('BEGIN');
    for (const { id, vector, document, metadata } of all.slice(0, some)) {
      const text = `[${vector.join(',')}]`;
      await client.query('INSERT INTO bench VALUES ($1, $2, $3, $4)', [id, text, document, metadata]);
    }
    await client.query('COMMIT');
  });
  console.log(`  INSERT of ${some} rows, text vectors ${perSecond(some, inserts.milliseconds)}`);
  const ratio = ours.milliseconds / rows / (inserts.milliseconds / some);
  console.log(
    `  store / COPY ${(ours.milliseconds / copy.milliseconds).toFixed(2)} × the time, INSERT / store ${(1 / ratio).toFixed(1)} ×`,
  );
  await client.query('DROP TABLE bench');
  await client.end();
}
