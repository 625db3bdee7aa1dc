import { join } from 'node:path';
import { Embeddings, FlatIndex, type IndexDtype, type IndexMetric } from 'embedlane';
import { quantize } from 'embedlane/vectors';
import { describe, expect, it } from 'vitest';
import { createFallback } from '#dist/native/fallback/index.js';
import { loadBinding } from '#dist/native/load.js';
import { Random } from '../native/random.js';
import { code, contentsOf, matrixOf, randomMatrix, temporaryFolder } from './support.js';

const folder = await temporaryFolder();

const KINDS: [IndexDtype, IndexMetric][] = [
  ...(['f32', 'f16', 'bf16', 'i8'] as const).flatMap((dtype) =>
    (['cosine', 'dot', 'l2'] as const).map((metric): [IndexDtype, IndexMetric] => [dtype, metric]),
  ),
  ['b1', 'hamming'],
];

describe.each(KINDS)('%s, %s', (dtype, metric) => {
  const dims = 37;
  const corpus = randomMatrix(1_500, dims, 1);
  const queries = randomMatrix(7, dims, 2);
  const index = new FlatIndex({ dims, dtype, metric });
  index.add(corpus);

  it('scores what it keeps, in float64', () => {
    const kept = new Map(Array.from(index, ({ id, vector }) => [id, Array.from(vector)]));
    // Queries are kept alike.
    const same = new FlatIndex({ dims, dtype, metric });
    same.add(queries);
    const asked = Array.from(same, ({ vector }) => Array.from(vector));
    const found = index.searchSync(queries, { k: 30 });
    const smaller = metric === 'l2' || metric === 'hamming';
    for (let q = 0; q < 7; q++) {
      const all = [...kept].map(([id, row]) => ({ id, score: oracle(metric, asked[q], row) }));
      all.sort((a, b) => (smaller ? a.score - b.score : b.score - a.score) || Number(a.id) - Number(b.id));
      const hits = found.get(q);
      for (const [i, { id, score }] of hits.entries()) {
        expect(score).toBeCloseTo(all[i].score, 4);
        expect(score).toBeCloseTo(oracle(metric, asked[q], kept.get(id)!), 4);
      }
    }
  });

  it('keeps rows as near as the dtype can', () => {
    const tolerance = { f32: 0, f16: 2e-3, bf16: 2e-2, i8: 4 / 127, b1: Infinity }[dtype];
    for (const { id, vector } of index) {
      corpus.row(id as number).forEach((value, i) => {
        expect(Math.abs(value - vector[i])).toBeLessThanOrEqual(tolerance);
        if (dtype === 'b1') expect(vector[i]).toBe(value > 0 ? 1 : 0);
      });
    }
  });

  it('is the same on the disk, in the log and after compaction', async () => {
    const path = join(folder, `${dtype}-${metric}`);
    await index.save(path);
    const wanted = index.searchSync(queries, { k: 12 });
    for (const mode of ['mmap', 'memory'] as const) {
      const again = await FlatIndex.open(path, { mode, verify: 'full' });
      expect([again.dtype, again.metric]).toEqual([dtype, metric]);
      expect(contentsOf(again)).toEqual(contentsOf(index));
      const found = again.searchSync(queries, { k: 12 });
      expect([found.ids, found.scores]).toEqual([wanted.ids, wanted.scores]);
    }
    const writer = await FlatIndex.open(path);
    writer.add(queries, ['a', 'b', 'c', 'd', 'e', 'f', 'g']);
    await writer.flush();
    const before = contentsOf(writer);
    expect(contentsOf(await FlatIndex.open(path))).toEqual(before);
    writer.remove([5, 'a']);
    await writer.compact();
    expect(contentsOf(writer)).toEqual(before.filter(([id]) => id !== 5 && id !== 'a'));
    await writer.close();
  });

  it('has the same bits with and without the addon', () => {
    const kind = metric === 'hamming' ? 'l1' : metric;
    const stores = [loadBinding(), createFallback()].map((binding) =>
      binding.createRowStore(dims, dtype, null),
    );
    const [native, fallback] = stores;
    for (const store of stores) {
      expect(store.append(corpus.data as Float32Array<ArrayBuffer>)).toBe(-1);
      const bytes = new Uint8Array(10 * store.stride);
      const scales = dtype === 'i8' ? new Float32Array(10) : null;
      store.gather(
        Uint32Array.from({ length: 10 }, (_, i) => 10 * i),
        bytes,
        scales,
      );
      store.appendStored(bytes, scales);
      expect(store.rows).toBe(1510);
    }
    expect(native.stride).toBe(fallback.stride);
    const positions = Uint32Array.from({ length: 1510 }, (_, i) => i);
    const stored = stores.map((store) => {
      const bytes = new Uint8Array(1510 * store.stride);
      const floats = new Float32Array(1510 * dims);
      store.gather(positions, bytes, dtype === 'i8' ? new Float32Array(1510) : null);
      store.read(positions, floats);
      return { bytes, floats };
    });
    expect(stored[0]).toEqual(stored[1]);
    const allowed = new Uint32Array(48).fill(0xdeadbeef);
    for (const search of [
      { k: 9, radius: null, allowed: null },
      { k: 9, radius: null, allowed },
      {
        k: 1510,
        radius: metric === 'dot' ? 2 : metric === 'cosine' ? 0.1 : metric === 'l2' ? 7 : 16,
        allowed,
      },
    ]) {
      const data = queries.data as Float32Array<ArrayBuffer>;
      const args = { queries: data, metric: kind, threads: 2, rows: 1505, candidates: 0, ...search } as const;
      const { scored: _, ...found } = native.searchSync(args);
      const { scored, ...wanted } = fallback.searchSync(args);
      expect(found).toEqual(wanted);
      expect(scored).toBeLessThanOrEqual(7 * 1505);
    }
  });
});

function oracle(metric: IndexMetric, a: readonly number[], b: readonly number[]): number {
  let [dot, aa, bb, square, differing] = [0, 0, 0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    dot += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
    square += (a[i] - b[i]) ** 2;
    differing += a[i] === b[i] ? 0 : 1;
  }
  if (metric === 'hamming') return differing;
  if (metric === 'l2') return Math.sqrt(square);
  return metric === 'dot' ? dot : dot / Math.sqrt(aa * bb);
}

describe('what goes in', () => {
  it('may be halves and bits', () => {
    const floats = randomMatrix(20, 24, 3);
    const halves = quantize(floats, 'float16');
    const index = new FlatIndex({ dims: 24, dtype: 'f16' });
    index.add(halves);
    const other = new FlatIndex({ dims: 24, dtype: 'f16' });
    other.add(floats);
    expect(contentsOf(index)).toEqual(contentsOf(other));
    for (const precision of ['ubinary', 'binary'] as const) {
      const bits = new FlatIndex({ dims: 24, dtype: 'b1' });
      bits.add(quantize(floats, precision));
      const signs = new FlatIndex({ dims: 24, dtype: 'b1' });
      signs.add(floats);
      expect(contentsOf(bits)).toEqual(contentsOf(signs));
      expect(bits.searchSync(quantize(floats, precision), { k: 1 }).ids).toEqual(
        signs.searchSync(floats, { k: 1 }).ids,
      );
    }
    const codes = new Embeddings(new Int8Array(24), 1, 24, 'int8');
    expect(() => index.add(codes as never)).toThrow(code('ERR_DTYPE'));
  });

  it('may be packed bytes in an index of bits, as topK takes them', () => {
    const { data } = quantize(randomMatrix(20, 20, 3), 'ubinary');
    const bits = new FlatIndex({ dims: 20, dtype: 'b1' });
    bits.add({ data, rows: 20, dims: 20 });
    const query = { data: data.subarray(5 * 3, 6 * 3), rows: 1, dims: 20 };
    expect(bits.searchSync(query, { k: 1 }).get(0)).toEqual([{ id: 5, score: 0 }]);
    expect(() => bits.add({ data, rows: 21, dims: 20 })).toThrow(code('ERR_DIMENSION'));
    expect(() => bits.add({ data: data.subarray(0, 4), rows: 2, dims: 16 })).toThrow(code('ERR_DIMENSION'));
    structuredClone(data.buffer, { transfer: [data.buffer as ArrayBuffer] });
    expect(() => bits.add({ data, rows: 20, dims: 20 })).toThrow(/detached/);
    expect(bits.size).toBe(20);
    const floats = new FlatIndex({ dims: 20 });
    const bytes = { data: new Uint8Array(3), rows: 1, dims: 20 };
    expect(() => floats.add(bytes)).toThrow(code('ERR_DTYPE'));
  });

  it('must be finite in the dtype', () => {
    const half = new FlatIndex({ dims: 2, dtype: 'f16' });
    expect(() => half.add(matrixOf([1, 2], [65_520, 0]))).toThrow(/row 1/);
    expect(() => half.searchSync(matrixOf([-7e4, 0]), { k: 1 })).toThrow(code('ERR_INVALID_ARG'));
    half.add(matrixOf([65_519, 0]));
    expect(half.get(0)).toEqual(Float32Array.of(65_504, 0));
    const brain = new FlatIndex({ dims: 1, dtype: 'bf16' });
    expect(() => brain.add(matrixOf([3.4e38]))).toThrow(code('ERR_INVALID_ARG'));
    for (const dtype of ['f16', 'bf16', 'i8', 'b1'] as const) {
      const index = new FlatIndex({ dims: 1, dtype });
      expect(() => index.add(matrixOf([1], [Number.NaN]))).toThrow(/row 1/);
      expect(index.size).toBe(0);
    }
  });

  it('may be zero, tiny or huge as bytes', () => {
    const index = new FlatIndex({ dims: 3, dtype: 'i8', metric: 'dot' });
    index.add(matrixOf([0, 0, 0], [1e-45, -1e-45, 0], [3.4e38, -3.4e38, 0], [127, -127, 1]));
    expect(index.get(0)).toEqual(Float32Array.of(0, 0, 0));
    expect(index.get(3)).toEqual(Float32Array.of(127, -127, 1));
    expect(index.searchSync(matrixOf([1, 0, 0]), { k: 4 }).ids[0]).toBe(2);
  });

  it('goes with its metric', () => {
    expect(new FlatIndex({ dims: 3, dtype: 'b1' }).metric).toBe('hamming');
    for (const metric of ['cosine', 'dot', 'l2'] as const) {
      expect(() => new FlatIndex({ dims: 3, dtype: 'b1', metric })).toThrow(code('ERR_INVALID_ARG'));
    }
    expect(() => new FlatIndex({ dims: 3, dtype: 'i8', metric: 'hamming' })).toThrow(code('ERR_INVALID_ARG'));
  });
});

it('bits are searched as popcount says, whatever the number of dimensions', () => {
  const random = new Random(5);
  for (const dims of [1, 7, 8, 63, 64, 65, 200]) {
    const index = new FlatIndex({ dims, dtype: 'b1' });
    const rows = new Embeddings(random.vector(50 * dims), 50, dims);
    index.add(rows);
    const signs = Array.from(rows, (row) => Array.from(row, (x) => (x > 0 ? 1 : 0)));
    for (const { id, score } of index.searchSync(rows, { k: 50 }).get(3)) {
      expect(score).toBe(signs[3].filter((bit, i) => bit !== signs[id as number][i]).length);
    }
  }
});
