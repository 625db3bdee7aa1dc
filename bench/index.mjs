/**
 * FlatIndex as a container: how fast rows go in, what memory that takes, and how long an index on the disk takes to
 * write, to open and to check. Searching it is bench/topk.mjs' subject.
 *
 *   node bench/index.mjs [--rounds 3] [--rows 1000000] [--quick]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FlatIndex } from 'embedlane';
import { describeMachine, machine } from './lib/machine.mjs';
import { machineBusySeconds } from './lib/proc.mjs';
import { progress, progressDone } from './lib/progress.mjs';
import { options, reportNoise, save, targetTable } from './lib/report.mjs';
import { median } from './lib/stats.mjs';
import { heading, number, table } from './lib/table.mjs';
import { clusteredVectors } from './lib/vectors.mjs';

const chosen = options({ rows: { type: 'string' } });
const ROUNDS = Number(chosen.rounds ?? (chosen.quick ? 1 : 3));
const ROWS = Number(chosen.rows ?? (chosen.quick ? 50_000 : 1_000_000));
const DIMS = 384;
const DTYPES = chosen.quick ? ['f32'] : ['f32', 'i8'];

/** Rows of one call of add; the same memory each time, so that it is not what is measured. */
const PART = Math.min(ROWS, 50_000);
const part = { data: clusteredVectors(PART, DIMS, 21), rows: PART, dims: DIMS };
const query = { data: clusteredVectors(1, DIMS, 22), rows: 1, dims: DIMS };
const GB = (ROWS * DIMS * 4) / 1e9;

async function timed(work) {
  const start = performance.now();
  const result = await work();
  return [performance.now() - start, result];
}

const rss = () => process.memoryUsage().rss;

async function round(dtype, folder) {
  const measured = {};
  const index = new FlatIndex({ dims: DIMS, dtype });
  const before = rss();
  let most = before;
  [measured.add] = await timed(() => {
    for (let row = 0; row < ROWS; row += PART) {
      index.add(part);
      most = Math.max(most, rss());
    }
  });
  measured.rowBytes = (most - before) / ROWS;
  const wanted = index.searchSync(query, { k: 10 }).ids.join();
  [measured.save] = await timed(() => index.save(folder));
  await index.close();
  const [open, mapped] = await timed(() => FlatIndex.open(folder));
  measured.open = open;
  const [first, found] = await timed(() => mapped.search(query, { k: 10 }));
  measured.first = first;
  if (found.ids.join() !== wanted) throw new Error('The index on the disk finds other rows');
  [measured.again] = await timed(() => mapped.search(query, { k: 10 }));
  [measured.verify] = await timed(() => mapped.verify());
  // One row at a time, each on the disk before the next.
  const one = { data: query.data, rows: 1, dims: DIMS };
  const flushes = [];
  for (let i = 0; i < 20; i++) {
    mapped.add(one);
    flushes.push((await timed(() => mapped.flush()))[0]);
  }
  measured.flush = median(flushes);
  await mapped.close();
  return measured;
}

const about = machine();
console.log(describeMachine(about));
console.log(
  `${number(ROWS, 7)} rows of ${DIMS} values (${number(GB)} GB of float32), in parts of ${number(PART, 6)}.`,
);
const folder = mkdtempSync(join(tmpdir(), 'embedlane-bench-'));
const results = [];
const noise = [];
try {
  for (const dtype of DTYPES) {
    for (let i = 0; i < ROUNDS; i++) {
      progress(`${dtype}: round ${i + 1} of ${ROUNDS}`);
      const busy = machineBusySeconds();
      const { user, system } = process.cpuUsage();
      const started = performance.now();
      results.push({ dtype, ...(await round(dtype, join(folder, dtype))) });
      const own = process.cpuUsage();
      const seconds = (performance.now() - started) / 1000;
      const ownSeconds = (own.user + own.system - user - system) / 1e6;
      noise.push({ foreign: (machineBusySeconds() - busy - ownSeconds) / (seconds * about.cores) });
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
progressDone();

const figure = (dtype, name) => median(results.filter((r) => r.dtype === dtype).map((r) => r[name]));
const rate = (dtype, name) => `${number(GB / (figure(dtype, name) / 1000))} GB/s`;
const milliseconds = (dtype, name) => `${number(figure(dtype, name))} ms`;
heading('FlatIndex');
console.log(
  table(
    ['', ...DTYPES],
    [
      ['add (rate of float32 taken in)', ...DTYPES.map((d) => rate(d, 'add'))],
      ['memory for a row', ...DTYPES.map((d) => `${number(figure(d, 'rowBytes'), 4)} bytes`)],
      ['save', ...DTYPES.map((d) => milliseconds(d, 'save'))],
      ['open, mapped', ...DTYPES.map((d) => milliseconds(d, 'open'))],
      ['first search of one query', ...DTYPES.map((d) => milliseconds(d, 'first'))],
      ['second search', ...DTYPES.map((d) => milliseconds(d, 'again'))],
      ['verify', ...DTYPES.map((d) => milliseconds(d, 'verify'))],
      ['add one row and flush it', ...DTYPES.map((d) => milliseconds(d, 'flush'))],
    ],
  ),
);
const foreign = reportNoise(noise);
const targets = [
  {
    label: `open ${number(ROWS, 7)} rows, mapped`,
    measured: figure('f32', 'open'),
    goal: '< 50 ms',
    unit: ' ms',
  },
  {
    label: 'build from a Float32Array',
    measured: GB / (figure('f32', 'add') / 1000),
    goal: '≥ 1 GB/s',
    unit: ' GB/s',
  },
  {
    label: 'memory while adding, of the rows themselves',
    measured: figure('f32', 'rowBytes') / (DIMS * 4),
    goal: '< 1.1×',
  },
];
console.log(targetTable(targets));
save('index', { rows: ROWS, dims: DIMS, foreign, targets, results });
