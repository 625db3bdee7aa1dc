import { afterAll, describe, expect, it } from 'vitest';
import { SIMD_LEVELS } from '#dist/native/binding.js';
import { loadBinding } from '#dist/native/load.js';
import { implementations } from './levels.js';
import { exactDot, exactScore } from './oracle.js';
import { Random } from './random.js';

const all = implementations();
const best = loadBinding().simdLevel();
afterAll(() => loadBinding().setSimdLevel(best));

const LENGTHS = [...Array.from({ length: 131 }, (_, i) => i + 1), 384, 768, 1023, 1024, 1536, 5000];
const METRICS = ['dot', 'cosine', 'l2'] as const;

/** What every implementation gives for a pair. */
function scoresOf(a: Float32Array, b: Float32Array): Record<string, number[]> {
  return Object.fromEntries(
    all.map(({ name, use }) => {
      const binding = use();
      return [name, METRICS.map((metric) => binding[metric](a, b)!)];
    }),
  );
}

function expectSameBits(results: Record<string, ArrayLike<number>>): void {
  const [[firstName, first], ...rest] = Object.entries(results);
  for (const [name, values] of rest) {
    for (let i = 0; i < first.length; i++) {
      if (!Object.is(values[i], first[i])) {
        expect.fail(`value ${i}: ${name} gives ${values[i]}, ${firstName} gives ${first[i]}`);
      }
    }
  }
}

describe('levels', () => {
  it('lists what there is, lowest first, and uses the highest', () => {
    const { use } = all[0];
    const levels = use().simdLevels();
    expect(levels[0]).toBe('scalar');
    const ranks = levels.map((level) => SIMD_LEVELS.indexOf(level));
    expect(ranks).toEqual([...ranks].sort((x, y) => x - y));
    expect(best).toBe(levels.at(-1));
  });
});

describe('dot, cosine, l2', () => {
  it('give the same bits on every level and in the fallback, within the error bound of float64 sums', () => {
    const random = new Random(1);
    for (const length of LENGTHS) {
      const a = random.vector(length);
      const b = random.vector(length);
      const results = scoresOf(a, b);
      expectSameBits(results);
      const [dot, cosine, l2] = results.scalar;
      // One rounding to float32, and `length` roundings to float64.
      const slack = (size: number) => 2 ** -24 * size + length * 2 ** -52 * size;
      const size = Math.sqrt(exactDot(a, a) * exactDot(b, b));
      expect(Math.abs(dot - exactDot(a, b))).toBeLessThanOrEqual(
        2 ** -24 * Math.abs(exactDot(a, b)) + length * 2 ** -52 * size,
      );
      expect(Math.abs(cosine - exactScore('cosine', a, b))).toBeLessThanOrEqual(slack(1));
      expect(Math.abs(l2 - exactScore('l2', a, b))).toBeLessThanOrEqual(slack(exactScore('l2', a, b)));
    }
  });

  it('honour byte offsets', () => {
    const random = new Random(2);
    const memory = random.vector(400);
    for (const offset of [1, 2, 3, 5, 7, 9]) {
      const view = new Float32Array(memory.buffer, offset * 4, 133);
      const other = new Float32Array(memory.buffer, (offset + 200) * 4, 133);
      expect(scoresOf(view, other)).toEqual(scoresOf(view.slice(), other.slice()));
    }
  });

  it('let NaN and Inf through, wherever they stand', () => {
    const random = new Random(3);
    for (const length of [1, 7, 16, 17, 33, 100]) {
      for (const special of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        const a = random.vector(length);
        const b = random.vector(length);
        const position = random.below(length);
        a[position] = special;
        const results = scoresOf(a, b);
        expectSameBits(results);
        const expected = METRICS.map((metric) => Math.fround(exactScore(metric, a, b)));
        expect(results.scalar).toEqual(expected);
      }
    }
  });

  it('are exact where float32 sums would overflow, underflow or cancel', () => {
    const huge = Float32Array.of(1e30, 1e30, 3);
    const mixed = Float32Array.of(1e30, -1e30, 2);
    const tiny = Float32Array.of(1e-45, 2e-45, 1e-40);
    for (const { use } of all) {
      const binding = use();
      expect(binding.dot(huge, mixed)).toBe(6);
      expect(binding.cosine(huge, huge)).toBe(1);
      expect(binding.cosine(tiny, tiny)).toBe(1);
      expect(binding.l2(huge, huge)).toBe(0);
      expect(binding.dot(huge, huge)).toBe(Number.POSITIVE_INFINITY);
      expect(binding.l2(tiny, Float32Array.of(1e-45, 2e-45, 0))).toBe(Math.fround(1e-40));
    }
    expectSameBits(scoresOf(tiny, Float32Array.of(-1e-45, 1e-38, -0)));
  });

  it('give 0 for the cosine with a zero vector', () => {
    for (const { use } of all) {
      expect(
        use().cosine(
          new Float32Array(20),
          Float32Array.from({ length: 20 }, () => 2),
        ),
      ).toBe(0);
    }
  });
});

describe('scores and matrix', () => {
  it('give a pair the bits of the pair functions', () => {
    const random = new Random(4);
    for (const [dims, rows] of [
      [1, 3],
      [17, 9],
      [384, 11],
      [3, 1000],
    ]) {
      const queries = random.vector(3 * dims);
      const corpus = random.vector(rows * dims);
      for (const metric of METRICS) {
        const results = Object.fromEntries(
          all.map(({ name, use }) => {
            const binding = use();
            const one = new Float32Array(rows);
            const many = new Float32Array(3 * rows);
            binding.scores(metric, queries.subarray(0, dims), corpus, one);
            binding.matrix(metric, queries, corpus, dims, many);
            expect(many.subarray(0, rows)).toEqual(one);
            for (let i = 0; i < Math.min(rows, 20); i++) {
              const row = corpus.subarray(i * dims, (i + 1) * dims);
              expect(one[i]).toBe(binding[metric](queries.subarray(0, dims), row));
            }
            return [name, many];
          }),
        );
        expectSameBits(results);
      }
      const manhattan = Object.fromEntries(
        all.map(({ name, use }) => {
          const out = new Float32Array(3 * rows);
          use().matrix('l1', queries, corpus, dims, out);
          return [name, out];
        }),
      );
      expectSameBits(manhattan);
      const exact = exactScore('l1', queries.subarray(0, dims), corpus.subarray(0, dims));
      expect(manhattan.scalar[0]).toBe(Math.fround(exact));
    }
  });
});

describe('normalizeRows', () => {
  it('gives rows of length 1, zero rows for zero rows, and the same bits everywhere', () => {
    const random = new Random(5);
    for (const dims of [1, 3, 16, 33, 384]) {
      const data = random.vector(4 * dims, 100);
      data.fill(0, dims, 2 * dims);
      const results = Object.fromEntries(
        all.map(({ name, use }) => {
          const copy = data.slice();
          use().normalizeRows(copy, dims);
          return [name, copy];
        }),
      );
      expectSameBits(results);
      const first = results.scalar.subarray(0, dims);
      expect(Math.sqrt(exactDot(first, first))).toBeCloseTo(1, 6);
      expect(results.scalar.subarray(dims, 2 * dims).every((x) => x === 0)).toBe(true);
    }
  });
});

describe('the addon', () => {
  it.skipIf(loadBinding().backend === 'typescript')('checks its arguments again', () => {
    const addon = loadBinding();
    const vector = new Float32Array(4);
    const misuse: (() => unknown)[] = [
      () => addon.matrix('dot', vector, vector, 3, new Float32Array(1)),
      () => addon.matrix('dot', vector, vector, 2, new Float32Array(3)),
      () => addon.matrix('jaccard', vector, vector, 2, new Float32Array(4)),
      () => addon.matrix('dot', vector, vector, 2, new Float32Array(4), 'i8'),
      () => addon.matrix('dot', vector, vector, 2, new Float32Array(4), 'f64' as never),
      () => addon.matrix('l1', new Uint8Array(6), new Uint8Array(6), 33, new Float32Array(1), 'b1'),
      () => addon.matrix('hamming' as never, vector, vector, 2, new Float32Array(4)),
      () => addon.normalizeRows(vector, 0),
      () => addon.normalizeRows(vector, 3),
      () => addon.pool(vector, new Uint8Array(2), 1, 2, 3, ['mean'], false, null),
      () => addon.pool(vector, new Uint8Array(2), 1, 2, 2, [], false, null),
      () => addon.pool(vector, new Uint8Array(2), 1, 2, 2, ['mean', 'mean'], false, null),
      () => addon.pool(vector, new Uint8Array(2), 1, 2, 2, ['median' as never], false, null),
      () => addon.pool(vector, new Uint8Array(2), 1, 2, 2, ['mean'], false, new Uint32Array(2)),
      () => addon.pool(vector, new Uint8Array(0), 2 ** 32 - 1, 2 ** 32 - 1, 2, ['mean'], false, null),
      () => addon.topKSync(vector, vector, 2, 3, 'dot', 1),
      () => addon.topKSync(vector, vector, 2, 0, 'dot', 1),
      () => addon.topKSync(vector, vector, 3, 1, 'dot', 1),
      () => addon.topKSync(vector, vector, 2, 1, 'l1' as never, 1),
      () => addon.topKSync(vector, vector, 2, 1, 'dot', 0),
      () => addon.topK(vector, vector, 0.5, 1, 'dot', 1),
      () => addon.setSimdLevel('sse9' as never),
    ];
    for (const call of misuse) {
      expect(call, String(call)).toThrowError(
        expect.objectContaining({ name: 'EmbedlaneError', code: expect.stringMatching(/^ERR_/) }),
      );
    }
  });
});
