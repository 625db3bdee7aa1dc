import { describe, expect, it } from 'vitest';
import type { Dtype, SearchMetric, VectorData } from '#dist/native/binding.js';
import { createFallback } from '#dist/native/fallback/index.js';
import { loadBinding } from '#dist/native/load.js';
import { Embeddings, hamming, similarity, topK, topKSync } from '#dist/vectors/index.js';

/** Reproducible bytes (a linear congruential generator). */
function bytes(length: number, seed: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}

/** Halves without NaN and infinity: an exponent's bit is cleared. */
function halves(length: number, seed: number): Uint16Array {
  const [low, high] = [bytes(length, seed), bytes(length, seed + 1)];
  return Uint16Array.from(low, (byte, i) => (byte | (high[i] << 8)) & 0xbfff);
}

const DIMS = 37;
const MAKE: Record<Exclude<Dtype, 'f32'>, (rows: number, seed: number) => VectorData> = {
  f16: (rows, seed) => halves(rows * DIMS, seed),
  bf16: (rows, seed) => halves(rows * DIMS, seed).map((half) => (half & 0x80ff) | 0x3f00),
  i8: (rows, seed) => new Int8Array(bytes(rows * DIMS, seed)),
  u8: (rows, seed) => bytes(rows * DIMS, seed),
  // Unused bits of the last byte are 0.
  b1: (rows, seed) => bytes(rows * 5, seed).map((byte, i) => (i % 5 === 4 ? byte & 0xf8 : byte)),
};

describe('topK of every dtype', () => {
  const cases = (Object.keys(MAKE) as (keyof typeof MAKE)[]).flatMap((dtype) =>
    (dtype === 'b1' ? (['hamming'] as const) : (['cosine', 'dot', 'l2'] as const)).map(
      (metric) => [dtype, metric] as const,
    ),
  );
  it.each(cases)('%s, %s: equals the fallback, for every number of threads', async (dtype, metric) => {
    const fallback = createFallback();
    for (const rows of [1, 20]) {
      const queries = { data: MAKE[dtype](rows, 5), rows, dims: DIMS, dtype };
      const corpus = { data: MAKE[dtype](700, 6), rows: 700, dims: DIMS, dtype };
      const native: SearchMetric = metric === 'hamming' ? 'l1' : metric;
      const wanted = fallback.topKSync(queries.data, corpus.data, DIMS, 9, native, 1, dtype);
      for (const threads of [1, 2, 7]) {
        const found = await topK(queries, corpus, { k: 9, metric, threads });
        expect({ indices: found.indices, scores: found.scores }).toEqual(wanted);
      }
    }
  });

  it('of bits counts whole bytes, as hamming() does, in the fallback too', () => {
    const [a, b] = [bytes(5, 7), bytes(5 * 40, 8)];
    const wanted = createFallback().topKSync(a, b, DIMS, 40, 'l1', 1, 'b1');
    const corpus = { data: b, rows: 40, dims: DIMS, dtype: 'b1' as const };
    const found = topKSync({ ...corpus, data: a, rows: 1 }, corpus, { k: 40, metric: 'hamming' });
    expect({ indices: found.indices, scores: found.scores }).toEqual(wanted);
    for (const { index, score } of found.get(0)) {
      expect(score).toBe(hamming(a, b.subarray(index * 5, (index + 1) * 5)));
    }
  });

  it('of bytes sums what 32 bits cannot hold, on every instruction set', () => {
    const addon = loadBinding();
    const fastest = addon.simdLevel();
    // 2¹⁴ · dims: 2³⁰, just 2³¹, and beyond 2³².
    for (const dims of [65_536, 131_072, 300_000]) {
      const ends = new Int8Array(dims).fill(127);
      const corpus = { data: new Int8Array(3 * dims).fill(-128), rows: 3, dims };
      corpus.data.set(ends, dims);
      const queries = { data: new Int8Array(dims).fill(-128), rows: 1, dims };
      const unsigned = { data: new Uint8Array(2 * dims).fill(255), rows: 2, dims };
      try {
        for (const level of addon.simdLevels()) {
          addon.setSimdLevel(level);
          const { indices, scores } = topKSync(queries, corpus, { k: 3, metric: 'dot' });
          expect([...indices], level).toEqual([0, 2, 1]);
          expect([...scores], level).toEqual([16384 * dims, 16384 * dims, -16256 * dims].map(Math.fround));
          const far = topKSync(queries, corpus, { k: 3, metric: 'l2' });
          expect([...far.scores], level).toEqual([0, 0, Math.fround(255 * Math.sqrt(dims))]);
          const most = topKSync(unsigned, unsigned, { k: 2, metric: 'dot' });
          expect([...most.scores], level).toEqual(Array(4).fill(Math.fround(65025 * dims)));
        }
      } finally {
        addon.setSimdLevel(fastest);
      }
    }
  });

  it('takes Embeddings of any precision', () => {
    const int8 = new Embeddings(new Int8Array([1, 2, -3, 4, 5, 6]), 3, 2, 'int8');
    expect(topKSync(int8, int8, { k: 1, metric: 'l2' }).indices).toEqual(Uint32Array.of(0, 1, 2));
    const bits = new Embeddings(Uint8Array.of(0b11110000, 0b11000000, 0b00001111), 3, 8, 'ubinary');
    const { indices, scores } = topKSync(bits, bits, { k: 2, metric: 'hamming' });
    expect(indices).toEqual(Uint32Array.of(0, 1, 1, 0, 2, 1));
    expect(scores).toEqual(Float32Array.of(0, 2, 0, 2, 0, 6));
    expect(hamming(bits.row(0), bits.row(2))).toBe(8);
    const signed = new Embeddings(
      Int8Array.from(bits.data, (byte) => byte - 128),
      3,
      8,
      'binary',
    );
    expect(topKSync(signed, bits, { k: 2, metric: 'hamming' })).toMatchObject({ indices, scores });
  });

  it('scores as similarity does', () => {
    const corpus = new Embeddings(MAKE.bf16(50, 1) as Uint16Array, 50, DIMS, 'bfloat16');
    const { data } = similarity(corpus, corpus);
    const { indices, scores } = topKSync(corpus, corpus, { k: 50 });
    for (let i = 0; i < 2500; i++) expect(scores[i]).toBe(data[Math.floor(i / 50) * 50 + indices[i]]);
  });

  it.each([
    ['floats compared by bits', { data: new Float32Array(2), rows: 1, dims: 2 }, 'hamming', 'ERR_DTYPE'],
    ['halves of no kind', { data: new Uint16Array(2), rows: 1, dims: 2 }, 'cosine', 'ERR_DTYPE'],
    ['bits without hamming', new Embeddings(Uint8Array.of(1), 1, 8, 'ubinary'), 'cosine', 'ERR_DTYPE'],
  ] as const)('refuses %s', async (_, matrix, metric, code) => {
    await expect(topK(matrix, matrix, { k: 1, metric })).rejects.toMatchObject({ code });
  });

  it('refuses queries of another dtype than the corpus', () => {
    const floats = { data: new Float32Array(2), rows: 1, dims: 2 };
    const ints = { data: new Int8Array(2), rows: 1, dims: 2 };
    expect(() => topKSync(floats, ints, { k: 1 })).toThrowError(/Expected 'f32' elements, as in queries/);
  });
});
