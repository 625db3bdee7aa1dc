// Compares the addon, at every level that the CPU has, with the TypeScript fallback, bit for bit. A program of its
// own because it runs where vitest does not: in an arm64 Node under emulation (scripts/test-arm64.mjs).
//
//   node test/native/compare-backends.mjs [--expect scalar,neon,…]
import { parseArgs } from 'node:util';
import { DTYPES } from '#dist/native/binding.js';
import { createFallback } from '#dist/native/fallback/index.js';
import { loadBinding } from '#dist/native/load.js';

const { values: options } = parseArgs({ options: { expect: { type: 'string' } } });
const addon = loadBinding();
const fallback = createFallback();
const levels = addon.simdLevels();
if (addon.backend !== 'native') throw new Error('The addon is not in use');
if (options.expect !== undefined && levels.join() !== options.expect) {
  throw new Error(`Expected the levels ${options.expect} but found ${levels}`);
}

let state = 88_675_123;
/** xorshift32 */
function random(n) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % n;
}
const normal = () => (random(65_536) + random(65_536) + random(65_536)) / 32_768 - 3;

const ARRAYS = {
  f32: Float32Array,
  f16: Uint16Array,
  bf16: Uint16Array,
  i8: Int8Array,
  u8: Uint8Array,
  b1: Uint8Array,
};

function elements(dtype, length) {
  const data = new ARRAYS[dtype](length);
  if (dtype === 'f32') for (let i = 0; i < length; i++) data[i] = normal();
  // Any bits are a value: infinities, NaN and subnormal numbers among the halves.
  else for (let i = 0; i < length; i++) data[i] = random(65_536);
  return data;
}

const bytes = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength);

function same(x, y) {
  if (!ArrayBuffer.isView(x)) return Object.is(x, y);
  if (bytes(x).equals(bytes(y))) return true;
  // A computed NaN has no particular bits.
  return x instanceof Float32Array && x.length === y.length && x.every((value, i) => Object.is(value, y[i]));
}

let comparisons = 0;
/** `run` returns a list of results: numbers and arrays. */
function compare(what, run) {
  const wanted = run(fallback);
  for (const level of levels) {
    addon.setSimdLevel(level);
    run(addon).forEach((result, i) => {
      comparisons++;
      if (!same(result, wanted[i])) throw new Error(`${what}: result ${i} of ${level} is not the fallback's`);
    });
  }
}

const LENGTHS = [...Array.from({ length: 40 }, (_, i) => i + 1), 63, 64, 65, 100, 127, 128, 384, 1000];

for (const dtype of DTYPES) {
  const metrics = ['dot', 'cosine', 'l2', 'l1', ...(dtype === 'b1' ? ['jaccard'] : [])];
  for (const length of LENGTHS) {
    const rows = 1 + (length % 6);
    const dims = dtype === 'b1' ? 8 * length : length;
    const [a, b] = [elements(dtype, 2 * length), elements(dtype, rows * length)];
    for (const metric of metrics) {
      compare(`${metric} of ${length} ${dtype}`, (binding) => {
        const out = new Float32Array(2 * rows);
        binding.matrix(metric, a, b, dims, out, dtype);
        const [x, y] = [a.subarray(0, length), b.subarray(0, length)];
        return [out, metric === 'jaccard' ? binding.jaccard(x, y) : binding[metric](x, y, dtype)];
      });
    }
  }
}

const halves = Uint16Array.from({ length: 65_536 }, (_, i) => i);
const wild = new Float32Array(Uint32Array.from({ length: 50_000 }, () => random(2 ** 32)).buffer);
for (const dtype of ['f16', 'bf16']) {
  compare(`conversions of ${dtype}`, (binding) => {
    const wide = new Float32Array(65_536);
    const narrow = new Uint16Array(wild.length);
    binding.fromHalf(dtype, halves, wide);
    binding.toHalf(dtype, wild, narrow);
    return [wide, narrow];
  });
}

for (const dims of LENGTHS) {
  const rows = 3;
  const data = elements('f32', rows * dims);
  compare(`quantisation of ${dims} dims`, (binding) => {
    const width = Math.ceil(dims / 8);
    const ranges = new Float32Array(2 * dims);
    const [int8, scaled] = [new Int8Array(rows * dims), new Int8Array(rows * dims)];
    const uint8 = new Uint8Array(rows * dims);
    const scales = new Float32Array(rows);
    const [bits, signed] = [new Uint8Array(rows * width), new Int8Array(rows * width)];
    const [back, unscaled, unpacked] = Array.from({ length: 3 }, () => new Float32Array(rows * dims));
    const normalized = data.slice();
    const found = [
      binding.findRanges(data, dims, ranges),
      binding.quantizeRanges(data, dims, ranges, int8),
      binding.quantizeRanges(data, dims, ranges, uint8),
      binding.quantizeScaled(data, dims, scaled, scales),
      binding.packBits(data, dims, bits),
      binding.packBits(data, dims, signed),
    ];
    binding.dequantizeRanges(int8, dims, ranges, back);
    binding.dequantizeScaled(scaled, dims, scales, unscaled);
    binding.unpackBits(bits, dims, unpacked);
    binding.normalizeRows(normalized, dims);
    return [
      ...found,
      ranges,
      int8,
      uint8,
      scaled,
      scales,
      bits,
      signed,
      back,
      unscaled,
      unpacked,
      normalized,
    ];
  });
}

for (const dims of [3, 16, 100]) {
  const [hidden, mask] = [elements('f32', 2 * 5 * dims), Uint8Array.of(1, 1, 1, 0, 0, 0, 1, 1, 1, 1)];
  compare(`pooling of ${dims} dims`, (binding) => [
    binding.pool(
      hidden,
      mask,
      2,
      5,
      dims,
      ['cls', 'max', 'mean', 'mean_sqrt_len', 'weightedmean', 'lasttoken'],
      true,
      null,
    ),
  ]);
  const [queries, corpus] = [elements('f32', 9 * dims), elements('f32', 500 * dims)];
  for (const metric of ['cosine', 'dot', 'l2']) {
    compare(`top-k by ${metric} of ${dims} dims`, (binding) => {
      const { indices, scores } = binding.topKSync(queries, corpus, dims, 7, metric, 2);
      return [indices, scores];
    });
  }
}

console.log(
  `${comparisons} results of the addon (${process.arch}: ${levels.join(', ')}) equal the fallback's`,
);
