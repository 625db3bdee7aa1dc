/**
 * FlatIndex as a container: how fast rows go in, what memory that takes, and how long an index on the disk takes to
 * write, to open and to check. Searching it is bench/topk.mjs' subject.
 *
 *   node bench/index.mjs [--only build,open,disk] [--rounds 3] [--rows 1000000] [--dtypes f32,i8] [--folder path]
 *                        [--add] [--quick]
 *
 * --only     build: add in one call and in parts, with the peak of memory; open: from the disk to the first result;
 *            disk: save, verify and flush
 * --folder   where the indexes are, or will be: `open` writes one if there is none, which takes longer than opening it
 * --add      keeps the parts of bench/results/index.json that this run does not measure
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { FlatIndex } from 'embedlane';
import { firstTouch } from './lib/first-touch.mjs';
import { describeMachine, machine } from './lib/machine.mjs';
import { machineBusySeconds, peakBytes, resetPeak, residentBytes } from './lib/proc.mjs';
import { progress, progressDone } from './lib/progress.mjs';
import { load, options, reportNoise, save, targetTable } from './lib/report.mjs';
import { median, min } from './lib/stats.mjs';
import { heading, number, percent, table } from './lib/table.mjs';
import { clusteredVectors } from './lib/vectors.mjs';

const PARTS = { build, open, disk };
const chosen = options({
  rows: { type: 'string' },
  only: { type: 'string', default: Object.keys(PARTS).join() },
  dtypes: { type: 'string' },
  folder: { type: 'string' },
  add: { type: 'boolean', default: false },
});
const ROUNDS = Number(chosen.rounds ?? (chosen.quick ? 1 : 3));
const ROWS = Number(chosen.rows ?? (chosen.quick ? 50_000 : 1_000_000));
const DIMS = 384;
const DTYPES = (chosen.dtypes ?? (chosen.quick ? 'f32' : 'f32,i8')).split(',');
const GB = (ROWS * DIMS * 4) / 1e9;

/** Rows of one call where they come in parts; the same memory each time, so that it is not what is measured. */
const PART = Math.min(ROWS, 50_000);
const part = { data: clusteredVectors(PART, DIMS, 21), rows: PART, dims: DIMS };
const query = { data: clusteredVectors(1, DIMS, 22), rows: 1, dims: DIMS };

async function timed(work) {
  const start = performance.now();
  const result = await work();
  return [performance.now() - start, result];
}

// So that what a round has left behind does not count in the next one.
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');

/** Runs `work` and says by how many bytes resident memory grew at its peak. */
async function watched(work) {
  collectGarbage();
  const before = residentBytes(process.pid);
  resetPeak(process.pid);
  const [ms] = await timed(work);
  return { ms, growth: peakBytes(process.pid) - before };
}

function filled(dtype) {
  const index = new FlatIndex({ dims: DIMS, dtype });
  for (let row = 0; row < ROWS; row += PART) index.add(part);
  return index;
}

/** All rows in one matrix. */
function matrix() {
  const data = new Float32Array(ROWS * DIMS);
  for (let row = 0; row < ROWS; row += PART) data.set(part.data, row * DIMS);
  return { data, rows: ROWS, dims: DIMS };
}

/** Makes an index by `make`, and closes it. */
async function built(make) {
  let index;
  const measured = await watched(async () => {
    index = await make();
  });
  await index.close();
  return measured;
}

async function build(dtype, _, round) {
  const all = matrix();
  const atOnce = () => {
    const index = new FlatIndex({ dims: DIMS, dtype });
    index.add(all);
    return index;
  };
  const fresh = round === 0 ? await intoFreshMemory(atOnce) : {};
  const once = await built(atOnce);
  const inParts = await built(() => filled(dtype));
  const inBackground = await built(async () => {
    const index = new FlatIndex({ dims: DIMS, dtype });
    await index.addAsync(all);
    return index;
  });
  return { ...fresh, once, inParts, inBackground };
}

/**
 * The first index of a process, measured apart. A system finds and clears pages when they are written first, and a
 * virtual machine asks its host for those that it does not have yet: 10 GB/s or 0.2, whoever writes, with large pages or
 * small ones, filled in advance or not. How fast pages come changes from second to second, so the limit is what plain
 * writes by as many threads reach in half as much memory before the index and half as much after it. All of it is kept
 * until then, or one would get the pages of the other.
 */
async function intoFreshMemory(make) {
  const half = (ROWS * DIMS * 4) / 2;
  const before = await firstTouch(half, availableParallelism());
  let index;
  const first = await watched(() => {
    index = make();
  });
  const after = await firstTouch(half, availableParallelism());
  await index.close();
  const bytes = before.memory.byteLength + after.memory.byteLength;
  return { touch: { bytes, fresh: before.fresh + after.fresh, again: before.again + after.again }, first };
}

async function open(dtype, folder) {
  const [ms, index] = await timed(() => FlatIndex.open(folder));
  const [first, found] = await timed(() => index.search(query, { k: 10 }));
  const [again] = await timed(() => index.search(query, { k: 10 }));
  await index.close();
  if (found.rows !== 1 || found.get(0).length !== 10) throw new Error(`The ${dtype} index finds nothing`);
  return { open: ms, first, again };
}

async function disk(dtype, folder) {
  const index = filled(dtype);
  const wanted = index.searchSync(query, { k: 10 }).ids.join();
  const [saving] = await timed(() => index.save(folder));
  await index.close();
  const mapped = await FlatIndex.open(folder);
  if (mapped.searchSync(query, { k: 10 }).ids.join() !== wanted) {
    throw new Error('The index on the disk finds other rows');
  }
  const [verify] = await timed(() => mapped.verify());
  // One row at a time, each on the disk before the next.
  const flushes = [];
  for (let i = 0; i < 20; i++) {
    mapped.add(query);
    flushes.push((await timed(() => mapped.flush()))[0]);
  }
  await mapped.close();
  return { save: saving, verify, flush: median(flushes) };
}

const about = machine();
console.log(describeMachine(about));
console.log(
  `${number(ROWS, 7)} rows of ${DIMS} values (${number(GB)} GB of float32), in parts of ${number(PART, 6)}.`,
);
const parts = chosen.only.split(',');
const before = chosen.add ? load('index') : undefined;
if (before && before.rows !== ROWS) throw new Error('bench/results/index.json has another number of rows');
const results = (before?.results ?? []).filter(({ part: name }) => !parts.includes(name));
const noise = [];
const root = chosen.folder ?? mkdtempSync(join(tmpdir(), 'embedlane-bench-'));
mkdirSync(root, { recursive: true });
try {
  for (const dtype of DTYPES) {
    const folder = join(root, dtype);
    if (parts.includes('open') && !existsSync(folder)) {
      progress(`${dtype}: writing an index`);
      const index = filled(dtype);
      await index.save(folder);
      await index.close();
    }
    for (const name of parts) {
      for (let i = 0; i < ROUNDS; i++) {
        progress(`${dtype}, ${name}: round ${i + 1} of ${ROUNDS}`);
        const busy = machineBusySeconds();
        const { user, system } = process.cpuUsage();
        const started = performance.now();
        results.push({ part: name, dtype, round: i, ...(await PARTS[name](dtype, folder, i)) });
        const own = process.cpuUsage();
        const seconds = (performance.now() - started) / 1000;
        const ownSeconds = (own.user + own.system - user - system) / 1e6;
        noise.push({ foreign: (machineBusySeconds() - busy - ownSeconds) / (seconds * about.cores) });
      }
    }
  }
} finally {
  if (!chosen.folder) rmSync(root, { recursive: true, force: true });
}
progressDone();

const rounds = (dtype, name) => results.filter((one) => one.part === name && one.dtype === dtype);
/** The median and the least of a figure, as `show` writes them. */
function cell(dtype, name, figure, show) {
  const values = rounds(dtype, name)
    .map(figure)
    .filter((value) => value !== undefined);
  return values.length === 0 ? '—' : `${show(median(values))} (best ${show(min(values))})`;
}
const milliseconds = (ms) => `${number(ms)} ms`;
const rate = (ms) => `${number(GB / (ms / 1000))} GB/s`;
const share = (bytes) => `${number(bytes / (ROWS * DIMS * 4))}×`;
const dtypes = [...new Set(results.map(({ dtype }) => dtype))];
const line = (label, name, figure, show) => [
  label,
  ...dtypes.map((dtype) => cell(dtype, name, figure, show)),
];
heading('FlatIndex: medians of the rounds');
console.log(
  table(
    ['', ...dtypes],
    [
      line('plain writes by all cores, into fresh memory', 'build', (r) => r.touch?.fresh, rate),
      line('and again', 'build', (r) => r.touch?.again, rate),
      line('add, one call, into fresh memory', 'build', (r) => r.first?.ms, rate),
      line(
        'of those plain writes',
        'build',
        (r) => r.touch && r.first.ms / r.touch.fresh,
        (ratio) => percent(1 / ratio),
      ),
      line('add, one call', 'build', (r) => r.once.ms, rate),
      line('add, in parts', 'build', (r) => r.inParts.ms, rate),
      line('addAsync, one call', 'build', (r) => r.inBackground.ms, rate),
      line('memory at its peak, of float32 rows: one call', 'build', (r) => r.once.growth, share),
      line('in parts', 'build', (r) => r.inParts.growth, share),
      line('addAsync', 'build', (r) => r.inBackground.growth, share),
      line('open, mapped', 'open', (r) => r.open, milliseconds),
      line('first search of one query', 'open', (r) => r.first, milliseconds),
      line('second search', 'open', (r) => r.again, milliseconds),
      line('save', 'disk', (r) => r.save, milliseconds),
      line('verify', 'disk', (r) => r.verify, milliseconds),
      line('add one row and flush it', 'disk', (r) => r.flush, milliseconds),
    ],
  ),
);
const foreign = reportNoise(noise);
const figure = (name, take) => {
  const values = rounds('f32', name)
    .map(take)
    .filter((value) => value !== undefined);
  return values.length === 0 ? undefined : median(values);
};
const targets = [
  {
    label: `open ${number(ROWS, 7)} rows, mapped`,
    measured: figure('open', (r) => r.open),
    goal: '< 50 ms',
    unit: ' ms',
  },
  {
    label: 'build from a Float32Array',
    measured: figure('build', (r) => GB / (r.once.ms / 1000)),
    goal: '≥ 1 GB/s',
    unit: ' GB/s',
  },
  {
    label: 'build into memory that the process did not have, of what plain writes by all cores reach there',
    measured: figure('build', (r) => r.touch && r.touch.fresh / r.first.ms),
    goal: '≥ 0.9×',
  },
  {
    label: 'memory at its peak while rows are added, of the rows themselves',
    measured: figure('build', (r) => Math.max(r.once.growth, r.inParts.growth) / (ROWS * DIMS * 4)),
    goal: '< 1.1×',
  },
];
console.log(targetTable(targets));
save('index', { rows: ROWS, dims: DIMS, foreign, targets, results });
