// seekdb for real: starts it and our server, and runs the SQL of docs/seekdb.md: AI_EMBED, INSERT … SELECT, a semantic
// index, semantic_distance. Linux x64 only, as the package is.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import mysql from 'mysql2/promise';
import { createServer } from '../dist/server/index.js';

if (process.platform !== 'linux' || process.arch !== 'x64') {
  console.log('SKIPPED: pylibseekdb has no binary for this platform');
  process.exit(0);
}

const SOURCE = ['Cats sleep most of the day.', 'The central bank raised rates.', 'Parrots can talk.'];
const scripts = dirname(fileURLToPath(import.meta.url));

execFileSync(process.execPath, [join(scripts, 'install-servers.mjs'), 'seekdb'], { stdio: 'inherit' });
// What is there to start is decided when this is loaded.
const { startSeekdb } = await import('../test/stores/servers/seekdb.mjs');

const server = await createServer({ port: 0, apiKeys: ['sk-seekdb'] });
let database;
try {
  database = await startSeekdb();
  const [[[vector]], notes, articles] = await query(database.port, statements());
  assert.equal(JSON.parse(vector).length, 384);
  assert.deepEqual(notes, [[SOURCE[0]], [SOURCE[2]]]);
  assert.deepEqual(articles, [[SOURCE[0]], [SOURCE[2]]]);
  console.log('ok: seekdb embeds, indexes and searches through the server');
} finally {
  await database?.stop();
  await server.close();
}

/** The page's own statements, with this run's address and key, and the table that they read. */
function statements() {
  const page = readFileSync(join(dirname(scripts), 'docs/seekdb.md'), 'utf8');
  const own = Array.from(page.matchAll(/```sql\n(.*?)```/gs), ([, sql]) => sql.split(/;\n/)).flat();
  const rows = SOURCE.map((text, id) => `(${id}, '${text}')`).join(', ');
  return [
    'CREATE DATABASE embedlane',
    'USE embedlane',
    'CREATE TABLE source (id INT PRIMARY KEY, body VARCHAR(500))',
    `INSERT INTO source VALUES ${rows}`,
    ...own.slice(0, 2),
    "SELECT AI_EMBED('minilm', 'hello', 384)",
    ...own.slice(2),
  ]
    .map((sql) => sql.replace('http://127.0.0.1:8080', server.url).replace('"unused"', '"sk-seekdb"').trim())
    .filter(Boolean);
}

/** The rows of those statements that are a SELECT. */
async function query(port, list) {
  const connection = await mysql.createConnection({
    host: '127.0.0.1',
    port,
    user: 'root',
    rowsAsArray: true,
  });
  try {
    const results = [];
    for (const statement of list) {
      const [rows] = await connection.query(statement);
      if (statement.startsWith('SELECT')) results.push(rows);
    }
    return results;
  } finally {
    await connection.end();
  }
}
