/**
 * dot, cosine and l2 of one pair of vectors and of one vector against many, and one against many with elements of every
 * type: embedlane's public functions, its addon at each instruction-set level, simsimd and plain JavaScript. One
 * thread, data in cache.
 *
 *   node bench/kernels.mjs [--rounds 3] [--dims 128,…] [--only pair,many,dtypes] [--quick] [--no-peers]
 */
import Benchmark from 'benchmark';
import { cosine, dequantize, dot, l2, quantize, similarity } from 'embedlane/vectors';
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

const chosen = options({
  dims: { type: 'string' },
  only: { type: 'string', default: 'pair,many,dtypes' },
});
const PARTS = chosen.only.split(',');
const ROUNDS = Number(chosen.rounds ?? (chosen.quick ? 1 : 3));
const DIMS = (chosen.dims ?? (chosen.quick ? '384,768' : '128,256,384,512,768,1024,1536'))
  .split(',')
  .map(Number);
const METRICS = ['dot', 'cosine', 'l2'];
/** The precision of quantize that makes elements of a dtype, and the bytes of one. */
const DTYPES = {
  f32: ['float32', 4],
  f16: ['float16', 2],
  bf16: ['bfloat16', 2],
  i8: ['int8', 1],
  u8: ['uint8', 1],
  b1: ['ubinary', 1 / 8],
};

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

/** Dot products, or of bits Hamming distances, with elements of each type: `metric` is the dtype here. */
function dtypeContenders(dtype, dims) {
  const [precision] = DTYPES[dtype];
  const options = {};
  if (dtype === 'i8' || dtype === 'u8') {
    const ends = (value) => new Array(dims).fill(value);
    options.ranges = { min: ends(-0.2), max: ends(0.2) };
  }
  const make = (rows, seed) =>
    quantize({ data: clusteredVectors(rows, dims, seed), rows, dims }, precision, options);
  const [query, corpus] = [make(1, 11), make(ROWS, 12)];
  const width = corpus.data.length / ROWS;
  const last = corpus.row(ROWS - 1);
  const metric = dtype === 'b1' ? 'hamming' : 'dot';
  const out = new Float32Array(ROWS);
  const list = [{ name: OURS, call: () => Math.abs(similarity(query, corpus, { metric }).data[ROWS - 1]) }];
  for (const level of binding.simdLevels()) {
    list.push({
      name: `addon, ${level}`,
      level,
      call() {
        const native = dtype === 'b1' ? 'l1' : 'dot';
        binding.matrix(native, query.data, corpus.data, width * (dtype === 'b1' ? 8 : 1), out, dtype);
        return Math.abs(out[ROWS - 1]);
      },
    });
  }
  // It takes no 16-bit floats from JavaScript, and has no dot product of unsigned bytes.
  const score = { f32: simsimd?.dot, i8: simsimd?.dot, b1: simsimd?.hamming }[dtype];
  if (score) {
    const rows = Array.from({ length: ROWS }, (_, row) => corpus.row(row));
    list.push({
      name: 'simsimd loop',
      call() {
        for (let row = 0; row < ROWS; row++) out[row] = score(query.data, rows[row]);
        return Math.abs(out[ROWS - 1]);
      },
    });
  }
  const numbers = (data) =>
    dtype === 'f16' || dtype === 'bf16'
      ? dequantize(new corpus.constructor(data, 1, dims, precision)).data
      : Float32Array.from(data);
  const [a, b] = [numbers(query.data), numbers(last)];
  const expected = dtype === 'b1' ? countBits(query.data, last) : Math.abs(javascript.dot(a, b));
  // 16-bit products are summed in float64 there, and here in whatever order.
  list.expected = expected;
  list.tolerance = Math.max(AGREE, AGREE * expected);
  return list;
}

function countBits(a, b) {
  let count = 0;
  for (let i = 0; i < a.length; i++) {
    for (let bits = a[i] ^ b[i]; bits !== 0; bits &= bits - 1) count++;
  }
  return count;
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
  const expected = list.expected ?? list.find(({ name }) => name === 'plain JavaScript').call();
  const tolerance = list.tolerance ?? AGREE;
  for (const { name, call, level = best } of list) {
    binding.setSimdLevel(level);
    const difference = Math.abs(call() - expected);
    binding.setSimdLevel(best);
    if (!(difference <= tolerance))
      throw new Error(`${name} computes ${what} with a difference of ${difference}`);
  }
}

function measure(shape, contenders, metrics = METRICS) {
  const results = [];
  for (const metric of metrics) {
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

function show(results, title, format, metrics = METRICS) {
  for (const metric of metrics) {
    heading(`${metric}, ${title}`);
    const names = [...new Set(results.filter((r) => r.metric === metric).map((result) => result.name))];
    const find = (name, dims) =>
      results.find((r) => r.metric === metric && r.dims === dims && r.name === name);
    const ratio = (name) =>
      median(DIMS.map((dims) => medianRatio(find(name, dims).rounds, find(OURS, dims).rounds)));
    console.log(
      table(
        ['contender', ...DIMS.map((dims) => `${dims} dims`), 'embedlane is'],
        names.map((name) => [
          name,
          ...DIMS.map((dims) => format(median(find(name, dims).rounds), dims, metric)),
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

const results = [];
if (PARTS.includes('pair')) {
  const pairs = measure('one pair', pairContenders);
  show(pairs, 'one pair, nanoseconds per call', (nanoseconds) => number(nanoseconds));
  results.push(...pairs);
}
if (PARTS.includes('many')) {
  const many = measure(`one to ${ROWS}`, manyContenders);
  show(many, `one to ${ROWS} rows, GB/s of corpus`, (nanoseconds, dims) =>
    number((4 * ROWS * dims) / nanoseconds),
  );
  results.push(...many);
}
if (PARTS.includes('dtypes')) {
  const names = Object.keys(DTYPES);
  const dtypes = measure(`dtypes, one to ${ROWS}`, dtypeContenders, names);
  const format = (nanoseconds, dims, dtype) =>
    `${number((2 * ROWS * dims) / nanoseconds)}, ${number((DTYPES[dtype][1] * ROWS * dims) / nanoseconds)}`;
  show(dtypes, `one to ${ROWS} rows, Gop/s and GB/s of corpus`, format, names);
  results.push(...dtypes);
}

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
  results,
});
