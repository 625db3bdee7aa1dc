/**
 * Stores: how fast they load, open and search with a filter.
 *
 *   node bench/stores.mjs [--rows 1000000] [--folder path] [--quick]
 *   node scripts/test-postgres.mjs node bench/stores.mjs --postgres [--rows 100000]
 *
 * The local store against the scan that a JavaScript programmer would write, with vectors and metadata in memory;
 * PostgreSQL against row INSERTs with text vectors, and against a COPY of bytes that were made before.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { LocalStore, PgVectorStore } from 'embedlane/stores';

const DIMS = 384;
const LANGUAGES = ['de', 'en', 'fr', 'es', 'it', 'pt', 'nl', 'sv', 'pl', 'cs'];

const { values } = parseArgs({
  options: {
    rows: { type: 'string' },
    folder: { type: 'string' },
    postgres: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
  },
});
const rows = Number(values.rows ?? (values.quick ? 20_000 : values.postgres ? 100_000 : 1_000_000));

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

const ms = (value) => `${value.toFixed(value < 10 ? 2 : 0)} ms`;
const perSecond = (count, milliseconds) =>
  `${Math.round(count / (milliseconds / 1000)).toLocaleString('en')} records/s`;
const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];

async function timed(work) {
  const started = performance.now();
  const result = await work();
  return { result, milliseconds: performance.now() - started };
}

async function repeated(times, work) {
  const list = [];
  for (let i = 0; i < times; i++) list.push((await timed(work)).milliseconds);
  return median(list);
}

if (values.postgres) await postgres();
else await local();

async function local() {
  const folder = values.folder ?? join(mkdtempSync(join(tmpdir(), 'embedlane-bench-')), 'store');
  console.log(`LocalStore, ${rows.toLocaleString('en')} × ${DIMS}, cosine`);
  if (!existsSync(folder)) {
    const store = await LocalStore.open(folder);
    await store.create({ dims: DIMS });
    const load = await timed(() => store.upsert(records(rows)));
    console.log(`  load          ${perSecond(rows, load.milliseconds)}`);
    const closing = await timed(() => store.close());
    console.log(`  close         ${ms(closing.milliseconds)}`);
  }
  const open = await repeated(7, async () => (await LocalStore.open(folder)).close());
  console.log(`  open, close   ${ms(open)} (median of 7)`);

  const store = await LocalStore.open(folder);
  const opened = await timed(async () => LocalStore.open(folder, { readOnly: true }));
  console.log(`  open          ${ms(opened.milliseconds)}`);
  await opened.result.close();
  const data = new Float32Array(rows * DIMS);
  for (let i = 0; i < rows; i++) data.set(normalized(randomVector(i)), i * DIMS);
  const metadata = Array.from({ length: rows }, (_, i) => metadataOf(i));
  const query = randomVector(-7);
  const filters = {
    'lang (10 %)': [{ field: 'lang', eq: 'de' }, ({ lang }) => lang === 'de'],
    'year (48 %)': [{ field: 'year', gte: 2013 }, ({ year }) => year >= 2013],
    'both (5 %)': [
      {
        and: [
          { field: 'lang', eq: 'de' },
          { field: 'year', gte: 2013 },
        ],
      },
      ({ lang, year }) => lang === 'de' && year >= 2013,
    ],
  };
  for (const [name, [filter, passes]] of Object.entries(filters)) {
    const search = () => store.search(query, { k: 10, filter, include: [] });
    const first = await timed(search);
    const later = await repeated(9, search);
    const scan = () => scanJavaScript(data, metadata, query, passes, 10);
    const expected = scan();
    assert.deepEqual(
      first.result.map(({ id }) => id),
      expected.map((row) => `record-${row}`),
    );
    const javascript = await repeated(5, scan);
    console.log(
      `  ${name.padEnd(13)} first ${ms(first.milliseconds)}, then ${ms(later)}; JavaScript scan ${ms(javascript)}: ${(javascript / later).toFixed(1)} ×`,
    );
  }
  await store.close();
  if (values.folder === undefined) rmSync(folder, { recursive: true });
}

function normalized(vector) {
  let sum = 0;
  for (const value of vector) sum += value * value;
  const scale = 1 / Math.sqrt(sum);
  return vector.map((value) => value * scale);
}

/** Rows by cosine, best first: vectors are normalised, so that a product is all that a row costs. */
function scanJavaScript(data, metadata, query, passes, k) {
  const best = [];
  const unit = normalized(query);
  for (let row = 0; row < metadata.length; row++) {
    if (!passes(metadata[row])) continue;
    const at = row * DIMS;
    let s0 = 0;
    let s1 = 0;
    let s2 = 0;
    let s3 = 0;
    for (let i = 0; i < DIMS; i += 4) {
      s0 += unit[i] * data[at + i];
      s1 += unit[i + 1] * data[at + i + 1];
      s2 += unit[i + 2] * data[at + i + 2];
      s3 += unit[i + 3] * data[at + i + 3];
    }
    const score = s0 + s1 + s2 + s3;
    if (best.length === k && score <= best[k - 1].score) continue;
    best.push({ row, score });
    best.sort((a, b) => b.score - a.score);
    best.length = Math.min(best.length, k);
  }
  return best.map(({ row }) => row);
}

async function postgres() {
  const url = process.env.EMBEDLANE_TEST_POSTGRES;
  assert(url, 'Run this through scripts/test-postgres.mjs, or set EMBEDLANE_TEST_POSTGRES.');
  const { default: pg } = await import('pg');
  const { from } = await import('pg-copy-streams');
  const { copyBinary, jsonbField } = await import('#dist/stores/pg/copy-binary.js');
  const { PG_TYPES } = await import('#dist/stores/pg/types.js');
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
    const batch = all
      .slice(start, start + 5000)
      .map((record) => [
        Buffer.from(record.id),
        PG_TYPES.f32.toBinary(record.vector, DIMS),
        Buffer.from(record.document),
        jsonbField(JSON.stringify(record.metadata)),
      ]);
    parts.push(copyBinary(batch));
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
