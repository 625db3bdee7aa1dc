// A job of 100,000 rows whose workers, queue and store are killed again and again: every row must be stored once.
//
//   node scripts/soak-jobs.mjs [--rows 100000] [--store local|seekdb|milvus] [--every 4] [--workers 2]
//
// Needs redis-server, and for a server as the store what scripts/install-servers.mjs installs.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { JobQueue } from 'embedlane/jobs';
import { openStore } from 'embedlane/stores';
import { startMilvus } from '../test/stores/servers/milvus.mjs';
import { redisServer } from '../test/stores/servers/redis.mjs';
import { startSeekdb } from '../test/stores/servers/seekdb.mjs';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '100000' },
    store: { type: 'string', default: 'local' },
    every: { type: 'string', default: '4' },
    workers: { type: 'string', default: '2' },
  },
});
const rows = Number(values.rows);
const CLI = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const MODEL = fileURLToPath(new URL('../test/fixtures/models/tiny-static', import.meta.url));

const folder = mkdtempSync(join(tmpdir(), 'embedlane-soak-'));
const server = { seekdb: startSeekdb, milvus: startMilvus }[values.store];
const database = await server?.();
const redis = await redisServer().start();
// A local store has one writer.
const workers = Array.from({ length: database ? Number(values.workers) : 1 }, () => startWorker());
const kills = { worker: 0, queue: 0, store: 0 };
let over = false;
try {
  const store = {
    local: () => join(folder, 'store'),
    seekdb: () => `seekdb://root@127.0.0.1:${database.port}/test/soak`,
    milvus: () => `milvus://127.0.0.1:${database.port}/soak`,
  }[values.store]();
  const input = createWriteStream(join(folder, 'rows.jsonl'));
  for (let i = 0; i < rows; i++) {
    if (!input.write(`${JSON.stringify({ n: i, text: `the cat ${i} sleeps` })}\n`))
      await once(input, 'drain');
  }
  await new Promise((resolve) => input.end(resolve));
  const jobs = await JobQueue.open(`redis://127.0.0.1:${redis.port}`);
  const { id, shards } = await jobs.submit({
    ...{ inputs: ['rows.jsonl'], root: folder, store, model: MODEL, fields: { id: 'n' } },
    ...{ attempts: 1000, retryDelay: 200, collection: { index: { type: 'flat' } } },
  });
  console.log(`${rows} rows in ${shards.total} shards, ${workers.length} workers, ${values.store}`);
  const started = performance.now();
  const victims = ['worker', 'queue', ...(database ? ['store'] : [])];
  for (let turn = 0; ; turn++) {
    const deadline = Date.now() + Number(values.every) * 1000;
    let status;
    do {
      await delay(200);
      status = await jobs.status(id);
    } while (status.state === 'running' && Date.now() < deadline);
    console.log(`${status.stored} stored, ${status.poisoned} set aside, ${Math.round(status.rate)} rows/s`);
    if (status.state !== 'running') {
      console.log(`${status.state} after ${((performance.now() - started) / 1000).toFixed(1)} s`, kills);
      break;
    }
    await kill(victims[turn % victims.length], turn);
  }
  over = true;
  const { stored, poisoned, failures } = await jobs.status(id);
  await jobs.close();
  await Promise.all(workers.map(endWorker));
  const opened = await openStore(store);
  const ids = new Set();
  for await (const record of opened.scroll({ include: [], batchSize: 5000 })) ids.add(record.id);
  const found = { stored, poisoned, failures, count: await opened.count(), ids: ids.size };
  await opened.close();
  console.log(found);
  const isRight = stored === rows && poisoned === 0 && found.count === rows && ids.size === rows;
  console.log(isRight ? 'Every row is stored once.' : 'WRONG');
  process.exitCode = isRight ? 0 : 1;
} finally {
  over = true;
  for (const { process: child } of workers) child.kill('SIGKILL');
  await redis.stop();
  await database?.stop();
  rmSync(folder, { recursive: true, force: true });
}

async function kill(what, turn) {
  kills[what]++;
  if (what === 'worker') {
    const worker = workers[turn % workers.length];
    worker.process.kill('SIGKILL');
    return;
  }
  const victim = what === 'queue' ? redis : database;
  await victim.kill();
  await delay(500);
  await victim.start();
}

/** A worker that is started again when it dies. */
function startWorker() {
  const worker = { process: undefined };
  const start = () => {
    const args = ['job', 'work', '--queue', `redis://127.0.0.1:${redis.port}`, '--takeover', '2', '--quiet'];
    worker.process = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    worker.process.stderr.pipe(process.stderr);
    worker.process.once('exit', () => over || start());
  };
  start();
  return worker;
}

async function endWorker({ process: child }) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}
