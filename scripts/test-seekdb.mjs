// seekdb for real: installs it from PyPI into a scratch folder, starts it and our server, and runs the SQL of
// docs/seekdb.md: AI_EMBED, INSERT … SELECT, a semantic index, semantic_distance. Linux x64 only, as the package is.
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createServer } from '../dist/server/index.js';

if (process.platform !== 'linux' || process.arch !== 'x64') {
  console.log('SKIPPED: pylibseekdb has no binary for this platform');
  process.exit(0);
}

const SQL = `
import json, sys, time
import pymysql
port, statements = int(sys.argv[1]), json.loads(sys.argv[2])
def connect():
    for attempt in range(120):
        try:
            return pymysql.connect(host='127.0.0.1', port=port, user='root', autocommit=True)
        except pymysql.err.OperationalError:
            time.sleep(0.5)
    raise SystemExit('seekdb did not start')
cursor = connect().cursor()
results = []
for statement in statements:
    cursor.execute(statement)
    rows = cursor.fetchall()
    if statement.lstrip().upper().startswith('SELECT'):
        results.append(rows)
print(json.dumps(results))
`;

const SOURCE = ['Cats sleep most of the day.', 'The central bank raised rates.', 'Parrots can talk.'];

const folder = mkdtempSync(join(tmpdir(), 'embedlane-seekdb-'));
const server = await createServer({ port: 0, apiKeys: ['sk-seekdb'] });
let database;
try {
  const python = join(folder, 'venv/bin/python');
  execFileSync('python3', ['-m', 'venv', join(folder, 'venv')]);
  execFileSync(python, [
    '-m',
    'pip',
    'install',
    '-q',
    '--disable-pip-version-check',
    'pylibseekdb',
    'pymysql',
  ]);
  const port = await freePort();
  database = startDatabase(port);
  const [[[vector]], notes, articles] = await query(python, port, statements());
  assert.equal(JSON.parse(vector).length, 384);
  assert.deepEqual(notes, [[SOURCE[0]], [SOURCE[2]]]);
  assert.deepEqual(articles, [[SOURCE[0]], [SOURCE[2]]]);
  console.log('ok: seekdb embeds, indexes and searches through the server');
} finally {
  database?.kill('SIGKILL');
  await server.close();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

/** The page's own statements, with this run's address and key, and the table that they read. */
function statements() {
  const page = join(dirname(dirname(fileURLToPath(import.meta.url))), 'docs/seekdb.md');
  const blocks = readFileSync(page, 'utf8').matchAll(/```sql\n(.*?)```/gs);
  const own = Array.from(blocks, ([, sql]) => sql.split(/;\n/)).flat();
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

function startDatabase(port) {
  const [lib] = readdirSync(join(folder, 'venv/lib'));
  const binary = join(folder, 'venv/lib', lib, 'site-packages/pylibseekdb/seekdb');
  const sizes = ['datafile_size=512M', 'log_disk_size=2G', 'memory_limit=2G'];
  const args = ['--nodaemon', '--port', String(port), '--base-dir', join(folder, 'data')];
  return spawn(binary, [...args, ...sizes.flatMap((size) => ['--parameter', size])], { stdio: 'ignore' });
}

async function query(python, port, list) {
  writeFileSync(join(folder, 'sql.py'), SQL);
  const args = [join(folder, 'sql.py'), String(port), JSON.stringify(list)];
  const { stdout } = await promisify(execFile)(python, args);
  return JSON.parse(stdout);
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createTcpServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
