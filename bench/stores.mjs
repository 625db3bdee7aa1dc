/**
 * PostgreSQL: how fast the store loads, against pgvector's documented way (binary COPY by psycopg, the rounds
 * interleaved), row INSERTs with text vectors, and a COPY of bytes that were made before.
 *
 *   node scripts/test-postgres.mjs node bench/stores.mjs [--rows 100000] [--rounds 5]
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { PgVectorStore } from 'embedlane/stores';
import { pythonPeer, reportMissing } from './lib/peers.mjs';
import { median } from './lib/stats.mjs';

const DIMS = 384;
const LANGUAGES = ['de', 'en', 'fr', 'es', 'it', 'pt', 'nl', 'sv', 'pl', 'cs'];

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '5' },
  },
});
const rows = Number(values.rows);
const rounds = Number(values.rounds);

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
  const all = Array.from(records(rows));
  const newTable = async () => {
    await client.query('DROP TABLE IF EXISTS bench');
    await client.query(
      `CREATE TABLE bench (id text COLLATE "C" PRIMARY KEY, vector vector(${DIMS}), document text, metadata jsonb)`,
    );
    await client.query('CHECKPOINT');
  };
  const psycopg = copyByPython(url, all);
  const [ours, theirs] = [[], []];
  for (let round = 0; round < rounds; round++) {
    await store.drop();
    await store.create({ dims: DIMS, index: { type: 'flat' } });
    await client.query('CHECKPOINT');
    ours.push((await timed(() => store.upsert(all.values()))).milliseconds);
    if (psycopg === undefined) continue;
    await newTable();
    theirs.push(psycopg.copy());
  }
  psycopg?.remove();
  const usual = median(ours);
  console.log(`  store                          ${perSecond(rows, usual)}`);
  if (psycopg !== undefined) {
    const ratio = median(ours.map((milliseconds, i) => milliseconds / theirs[i]));
    console.log(`  psycopg, binary COPY           ${perSecond(rows, median(theirs))}`);
    console.log(`  store / psycopg                ${ratio.toFixed(2)} × the time`);
  }
  await client.query('CHECKPOINT');
  const again = await timed(() => store.upsert(all.values()));
  console.log(`  store, replacing               ${perSecond(rows, again.milliseconds)}`);
  await store.drop();
  await store.close();

  await newTable();
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
  const speedup = inserts.milliseconds / some / (usual / rows);
  console.log(
    `  store / COPY ${(usual / copy.milliseconds).toFixed(2)} × the time, INSERT / store ${speedup.toFixed(1)} ×`,
  );
  await client.query('DROP TABLE bench');
  await client.end();
  reportMissing();
}

/** The documented way, or undefined without psycopg. */
function copyByPython(url, all) {
  const python = pythonPeer('postgres', 'psycopg', true);
  if (python === undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'embedlane-bench-'));
  const file = join(folder, 'vectors.f32');
  const vectors = new Float32Array(all.length * DIMS);
  for (const [i, { vector }] of all.entries()) vectors.set(vector, i * DIMS);
  writeFileSync(file, vectors);
  const script = fileURLToPath(new URL('peers/copy_psycopg.py', import.meta.url));
  return {
    copy: () => 1000 * Number(execFileSync(python, [script, url, 'bench', file, String(rows), String(DIMS)])),
    remove: () => rmSync(folder, { recursive: true }),
  };
}
