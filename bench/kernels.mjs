/**
 * dot, cosine and l2 of one pair of vectors and of one vector against many: embedlane's public functions, its
 * addon at each instruction-set level, simsimd and plain JavaScript. One thread, data in cache.
 *
 *   node bench/kernels.mjs [--rounds 3] [--dims 128,…] [--quick] [--no-peers]
 */
import Benchmark from 'benchmark';
import { cosine, dot, l2, similarity } from 'embedlane/vectors';
import { loadBinding } from '#dist/native/load.js';
import { javascript } from './lib/javascript.mjs';
import { describeMachine, machine } from './lib/machine.mjs';
import { peer, reportMissing } from './lib/peers.mjs';
import { machineBusySeconds } from './lib/proc.mjs';
import { progress, progressDone } from './lib/progress.mjs';
import { options, reportNoise, save } from './lib/report.mjs';
import { median, medianRatio } from './lib/stats.mjs';
import { heading, number, table, times } from './lib/table.mjs';
import { clusteredVectors } from './lib/vectors.mjs';

const chosen = options({ dims: { type: 'string' } });
const ROUNDS = Number(chosen.rounds ?? (chosen.quick ? 1 : 3));
const DIMS = (chosen.dims ?? (chosen.quick ? '384,768' : '128,256,384,512,768,1024,1536'))
  .split(',')
  .map(Number);
const METRICS = ['dot', 'cosine', 'l2'];

/** Seconds per measurement: enough for thousands of calls of a microsecond. */
const SECONDS = chosen.quick ? 0.02 : 0.08;

/** Rows of the one-to-many case: 1.5 MB at 384 dimensions, inside a second-level cache or close to it. */
const ROWS = 1000;

/** Differences that float32 sums in another order explain, relative to the vectors' norms of about 1. */
const AGREE = 1e-5;

const OURS = 'embedlane';
const ours = { dot, cosine, l2 };
const binding = loadBinding();
const best = binding.simdLevel();
/** Only integer kernels differ between these levels and the ones below them: the same float32 code. */
const levels = binding.simdLevels().filter((level) => !['avx512_vnni', 'neon_dotprod'].includes(level));
const simsimd =
  chosen.peers && peer('simsimd') ? (await import('./peers/kernels-simsimd.mjs')).default : undefined;

/** Keeps results alive, or the compiler removes the loop that is to be measured. */
let sink = 0;

/** @returns {{ name: string, level: string, call: () => number }[]} `call` returns what all must agree on */
function pairContenders(metric, dims) {
  const [a, b] = [clusteredVectors(1, dims, 11), clusteredVectors(1, dims, 12)];
  const list = [{ name: OURS, call: () => ours[metric](a, b) }];
  for (const level of levels)
    list.push({ name: `addon, ${level}`, level, call: () => binding[metric](a, b) });
  if (simsimd) list.push({ name: 'simsimd', call: () => simsimd[metric](a, b) });
  list.push({ name: 'plain JavaScript', call: () => javascript[metric](a, b) });
  return list;
}

/** `call` returns the score of the last row, after computing all. */
function manyContenders(metric, dims) {
  const query = clusteredVectors(1, dims, 11);
  const corpus = clusteredVectors(ROWS, dims, 12);
  const rows = Array.from({ length: ROWS }, (_, row) => corpus.subarray(row * dims, (row + 1) * dims));
  const out = new Float32Array(ROWS);
  const one = { data: query, rows: 1, dims };
  const many = { data: corpus, rows: ROWS, dims };
  const each = (score) => () => {
    for (let row = 0; row < ROWS; row++) out[row] = score(query, rows[row]);
    return out[ROWS - 1];
  };
  const options = { metric: metric === 'l2' ? 'euclidean' : metric };
  // Its distances are negated, so that larger means more similar.
  const sign = metric === 'l2' ? -1 : 1;
  const list = [{ name: OURS, call: () => sign * similarity(one, many, options).data[ROWS - 1] }];
  for (const level of levels) {
    list.push({
      name: `addon, ${level}`,
      level,
      call() {
        binding.scores(metric, query, corpus, out);
        return out[ROWS - 1];
      },
    });
  }
  if (simsimd) list.push({ name: 'simsimd loop', call: each(simsimd[metric]) });
  list.push({ name: 'plain JavaScript', call: each(javascript[metric]) });
  return list;
}

/** Nanoseconds per call, by the `benchmark` package. */
function time({ name, call, level = best }) {
  binding.setSimdLevel(level);
  const benchmark = new Benchmark(
    name,
    () => {
      sink += call();
    },
    { maxTime: SECONDS, minSamples: 5 },
  );
  benchmark.run();
  binding.setSimdLevel(best);
  if (benchmark.error) throw benchmark.error;
  return benchmark.stats.mean * 1e9;
}

function check(list, what) {
  const expected = list.find(({ name }) => name === 'plain JavaScript').call();
  for (const { name, call, level = best } of list) {
    binding.setSimdLevel(level);
    const difference = Math.abs(call() - expected);
    binding.setSimdLevel(best);
    if (!(difference <= AGREE))
      throw new Error(`${name} computes ${what} with a difference of ${difference}`);
  }
}

function measure(shape, contenders) {
  const results = [];
  for (const metric of METRICS) {
    for (const dims of DIMS) {
      const list = contenders(metric, dims);
      check(list, `${metric} of ${dims} dims`);
      const measured = list.map(({ name }) => ({ shape, metric, dims, name, rounds: [] }));
      for (let round = 0; round < ROUNDS; round++) {
        progress(`${shape}, ${metric}, ${dims} dims: round ${round + 1} of ${ROUNDS}`);
        for (const [i, contender] of list.entries()) measured[i].rounds.push(time(contender));
      }
      results.push(...measured);
    }
  }
  progressDone();
  return results;
}

function show(results, title, format) {
  for (const metric of METRICS) {
    heading(`${metric}, ${title}`);
    const names = [...new Set(results.map((result) => result.name))];
    const find = (name, dims) =>
      results.find((r) => r.metric === metric && r.dims === dims && r.name === name);
    const ratio = (name) =>
      median(DIMS.map((dims) => medianRatio(find(name, dims).rounds, find(OURS, dims).rounds)));
    console.log(
      table(
        ['contender', ...DIMS.map((dims) => `${dims} dims`), 'embedlane is'],
        names.map((name) => [
          name,
          ...DIMS.map((dims) => format(median(find(name, dims).rounds), dims)),
          times(ratio(name)),
        ]),
      ),
    );
  }
}

const about = machine();
console.log(describeMachine(about));
console.log(
  `embedlane ${about.embedlane} (${binding.backend}, ${best}), simsimd ${simsimd ? peer('simsimd') : 'not measured'}`,
);
const busy = machineBusySeconds();
const { user, system } = process.cpuUsage();
const started = performance.now();

const pairs = measure('one pair', pairContenders);
const many = measure(`one to ${ROWS}`, manyContenders);
show(pairs, 'one pair, nanoseconds per call', (nanoseconds) => number(nanoseconds));
show(many, `one to ${ROWS} rows, GB/s of corpus`, (nanoseconds, dims) =>
  number((4 * ROWS * dims) / nanoseconds),
);

const own = process.cpuUsage();
const seconds = (performance.now() - started) / 1000;
const ownSeconds = (own.user + own.system - user - system) / 1e6;
console.log();
const foreign = reportNoise([
  { foreign: (machineBusySeconds() - busy - ownSeconds) / (seconds * about.cores) },
]);
reportMissing();
if (Number.isNaN(sink)) console.log('(a sum became NaN)');
save('kernels', {
  simd: best,
  levels,
  rows: ROWS,
  versions: { embedlane: about.embedlane, simsimd: peer('simsimd') },
  foreign,
  results: [...pairs, ...many],
});
