// Faults at full scale, which take too long for tests: run by hand before a release. Linux; what needs root says so.
//
//   node scripts/soak-faults.mjs [terminate] [load] [disk] [--rounds 1000]
//
// terminate   --rounds worker threads, four at a time, ended at any moment while they search, add, save and open
// load        the addon in the main thread and in eight workers that come and go 200 times: memory stays
//             (both take two to three minutes on two idle cores)
// disk        a full file system, a read-only one, no more file descriptors: errors are reported, the old index stays
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { FlatIndex } from '#dist/index/index.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '1000' } },
});
const PARTS = { terminate, load, disk };
const folder = mkdtempSync(join(tmpdir(), 'embedlane-soak-'));
const DIMS = 64;
/** Workers that are ended in one round of `terminate`. */
const AT_ONCE = 4;
const megabytes = (bytes) => `${(bytes / 2 ** 20).toFixed(0)} MB`;

// xorshift32
let state = 88172645;
function below(n) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % n;
}

const rows = (count) => ({
  data: Float32Array.from({ length: count * DIMS }, () => below(2000) / 1000 - 1),
  rows: count,
  dims: DIMS,
});

/**
 * A worker that runs `body` and says 'ready' when it has loaded everything. It loads the index alone: the whole package
 * takes many times as long, which is not the subject.
 */
function worker(body) {
  const program = `(async () => {
    const { FlatIndex } = await import(${JSON.stringify(import.meta.resolve('#dist/index/index.js'))});
    const { parentPort } = await import('node:worker_threads');
    const matrix = (rows) => ({ data: new Float32Array(rows * ${DIMS}).fill(1), rows, dims: ${DIMS} });
    ${body}
  })()`;
  return new Worker(program, { eval: true });
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');

function memory() {
  collectGarbage();
  return process.memoryUsage().rss;
}

/** Fails if memory grows by more than `share` between the first tenth of `rounds` and the end. */
async function steady(rounds, round, share) {
  let early;
  for (let i = 0; i < rounds; i++) {
    await round(i);
    if (i + 1 === Math.ceil(rounds / 10)) early = memory();
    if ((i + 1) % Math.ceil(rounds / 10) === 0)
      console.log(`  ${i + 1} of ${rounds}: ${megabytes(memory())}`);
  }
  assert(memory() < early * share, `Memory grew from ${megabytes(early)} to ${megabytes(memory())}`);
}

async function terminate() {
  const path = join(folder, 'shared');
  const shared = new FlatIndex({ dims: DIMS, accelerate: 'int8' });
  shared.add(rows(5_000));
  await shared.save(path);
  const saved = join(folder, 'saved');
  // What a worker that is ended in the middle of a save must leave there, if not its own.
  await shared.save(saved);
  await shared.close();
  const body = `
    const index = new FlatIndex({ dims: ${DIMS} });
    index.add(matrix(5_000));
    const other = await FlatIndex.open(${JSON.stringify(path)}, { readOnly: true });
    parentPort.postMessage('ready');
    const queries = matrix(500);
    for (;;) await Promise.all([
      index.search(queries, { k: 10 }),
      other.search(queries, { k: 10, filter: (id) => id % 2 === 0 }),
      index.rangeSearch(queries, { radius: 2 }),
      index.addAsync(matrix(1_000)),
      other.verify(),
      FlatIndex.open(${JSON.stringify(path)}, { mode: 'memory', readOnly: true }).then((one) => one.close()),
      index.save(${JSON.stringify(saved)}).catch((error) => { if (error.code !== 'ERR_LOCKED') throw error; }),
    ]);`;
  const end = async () => {
    const one = worker(body);
    await once(one, 'message');
    // Long enough for some of them to end a save.
    await setTimeout(below(200));
    assert.equal(await one.terminate(), 1);
  };
  await steady(
    Math.ceil(Number(values.rounds) / AT_ONCE),
    () => Promise.all(Array.from({ length: AT_ONCE }, end)),
    1.5,
  );
  for (const name of [path, saved]) {
    const index = await FlatIndex.open(name, { verify: 'full', readOnly: true });
    assert(index.size >= 5_000, `${name} has ${index.size} rows`);
    await index.close();
  }
}

async function load() {
  const index = new FlatIndex({ dims: DIMS });
  index.add(rows(2_000));
  await steady(
    200,
    async () => {
      const workers = Array.from({ length: 8 }, () =>
        worker(`
          const index = new FlatIndex({ dims: ${DIMS} });
          index.add(matrix(500));
          await index.search(matrix(3), { k: 3 });
          parentPort.postMessage('ready');
          parentPort.unref();`),
      );
      const search = index.search(rows(10), { k: 5 });
      await Promise.all(
        workers.map(async (one, i) => {
          const exited = once(one, 'exit');
          await once(one, 'message');
          // Half of them end by themselves.
          if (i % 2 === 0) await one.terminate();
          else await exited;
        }),
      );
      assert.equal((await search).rows, 10);
    },
    1.3,
  );
}

async function disk() {
  const mount = join(folder, 'disk');
  mkdirSync(mount);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', mount]).status !== 0) {
    console.log('  !! NOT DONE: file systems that are full or read-only, because mounting one takes root');
  } else {
    try {
      await fullDisk(mount);
    } finally {
      execFileSync('umount', ['-l', mount]);
    }
  }
  noDescriptors();
}

async function fullDisk(mount) {
  const path = join(mount, 'index');
  const small = new FlatIndex({ dims: DIMS });
  small.add(rows(1_000));
  await small.save(path);
  const index = await FlatIndex.open(path);
  // A log that grows, a segment, a compaction and a save: each of them meets the end of the disk.
  let flushed = 1_000;
  await assert.rejects(async () => {
    for (;;) {
      index.add(rows(200));
      await index.flush();
      flushed = index.size;
    }
  }, isIo('ENOSPC'));
  await assert.rejects(index.compact(), { code: 'ERR_IO' });
  await assert.rejects(index.close(), { code: 'ERR_IO' });
  await assert.rejects(bigger(mount, 'other'), isIo('ENOSPC'));
  await assert.rejects(bigger(mount, 'index'), isIo('ENOSPC'));
  const after = await FlatIndex.open(path, { verify: 'full', readOnly: true });
  assert.equal(after.size, flushed);
  await after.close();
  console.log(`  full: ${flushed} acknowledged rows are there`);
  execFileSync('mount', ['-o', 'remount,ro', mount]);
  // Node says ENOENT where it cannot make a folder with those above it.
  await assert.rejects(bigger(mount, 'new'), { code: 'ERR_IO' });
  await assert.rejects(bigger(mount, 'index'), { code: 'ERR_IO' });
  await assert.rejects(FlatIndex.open(path, { readOnly: false }), { code: 'ERR_IO' });
  const readOnly = await FlatIndex.open(path, { verify: 'full', readOnly: true });
  assert.equal(readOnly.size, flushed);
  await readOnly.close();
  console.log('  read-only: changes are refused, reading works');
}

async function bigger(mount, name) {
  const index = new FlatIndex({ dims: DIMS });
  index.add(rows(20_000));
  await index.save(join(mount, name));
}

const isIo = (reason) => (error) => error.code === 'ERR_IO' && error.message.includes(reason);

/** In a process of its own: with fewer and fewer descriptors every call works or is an ERR_IO, and nothing is lost. */
function noDescriptors() {
  const original = join(folder, 'descriptors');
  const program = `
    import { closeSync, openSync } from 'node:fs';
    import { EmbedlaneError, FlatIndex } from ${JSON.stringify(import.meta.resolve('embedlane'))};
    const make = new FlatIndex({ dims: 2 });
    make.add({ data: Float32Array.of(1, 2), rows: 1, dims: 2 });
    await make.save('original');
    const { cpSync } = await import('node:fs');
    const outcomes = {};
    for (let free = 0; free < 12; free++) {
      cpSync('original', 'trial' + free, { recursive: true });
      const taken = [];
      try { for (;;) taken.push(openSync('/dev/null', 'r')); } catch {}
      for (const one of taken.splice(0, free)) closeSync(one);
      let size = 1;
      try {
        const index = await FlatIndex.open('trial' + free, { readOnly: false });
        index.add({ data: Float32Array.of(3, 4), rows: 1, dims: 2 });
        try { await index.flush(); size = 2; } finally { await index.close(); }
        outcomes.worked = (outcomes.worked ?? 0) + 1;
      } catch (error) {
        if (!(error instanceof EmbedlaneError) || error.code !== 'ERR_IO') throw error;
        outcomes[error.code] = (outcomes[error.code] ?? 0) + 1;
      }
      for (const one of taken) closeSync(one);
      const again = await FlatIndex.open('trial' + free, { verify: 'full', readOnly: true });
      if (again.size < size || again.size > 2) throw new Error('lost a row');
      await again.close();
    }
    console.log('  file descriptors: ' + JSON.stringify(outcomes));`;
  mkdirSync(original);
  const { status, stdout, stderr } = spawnSync(
    'bash',
    ['-c', 'ulimit -n 512; exec "$0" --input-type=module -e "$1"', process.execPath, program],
    { cwd: original, encoding: 'utf8' },
  );
  assert.equal(status, 0, stderr);
  process.stdout.write(stdout);
}

const unknown = positionals.filter((name) => !(name in PARTS));
if (unknown.length > 0)
  throw new Error(`There is no part '${unknown[0]}' of ${fileURLToPath(import.meta.url)}`);
try {
  for (const name of positionals.length > 0 ? positionals : Object.keys(PARTS)) {
    console.log(name);
    const started = performance.now();
    await PARTS[name]();
    console.log(`  done in ${((performance.now() - started) / 1000).toFixed(0)} s`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
