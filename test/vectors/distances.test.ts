import { readFileSync } from 'node:fs';
import { cosine, dot, Embeddings, l2, normalize, simd, similarity } from 'embedlane/vectors';
import { describe, expect, it } from 'vitest';

const folder = new URL('../fixtures/goldens/minilm/', import.meta.url);

function floats(name: string): Float32Array {
  const bytes = readFileSync(new URL(name, folder));
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

const code = (expected: string) => expect.objectContaining({ name: 'EmbedlaneError', code: expected });

describe('similarity', () => {
  const dims = 384;
  const all = floats('embeddings_unnormalized.f32.bin');
  const a = new Embeddings(all.subarray(0, 40 * dims), 40, dims);
  const b = new Embeddings(all.subarray(40 * dims, 80 * dims), 40, dims);

  it.each([
    ['cosine', 'cos_sim'],
    ['dot', 'dot_score'],
    ['euclidean', 'euclidean_sim'],
    ['manhattan', 'manhattan_sim'],
  ] as const)('%s equals sentence-transformers', (metric, golden) => {
    const { data, rows, cols } = similarity(a, b, { metric });
    const wanted = floats(`sim_${golden}.f32.bin`);
    expect([rows, cols, data.length]).toEqual([40, 40, 1600]);
    wanted.forEach((value, i) => {
      expect(Math.abs(data[i] - value)).toBeLessThanOrEqual(2e-6 * Math.max(1, Math.abs(value)));
    });
    const pairs = floats(`sim_pairwise_${golden}.f32.bin`);
    pairs.forEach((value, i) => {
      expect(Math.abs(data[i * 41] - value)).toBeLessThanOrEqual(2e-6 * Math.max(1, Math.abs(value)));
    });
  });

  it('is cosine by default, and has no negative zero', () => {
    expect(similarity(a, b)).toEqual(similarity(a, b, { metric: 'cosine' }));
    const self = similarity(a, a, { metric: 'euclidean' });
    expect(Object.is(self.data[0], 0)).toBe(true);
  });

  it('is empty for a side without rows', () => {
    const nothing = new Embeddings(new Float32Array(0), 0, 0);
    expect(similarity(nothing, b)).toEqual({ data: new Float32Array(0), rows: 0, cols: 40 });
    expect(similarity(a, nothing)).toEqual({ data: new Float32Array(0), rows: 40, cols: 0 });
  });

  it('refuses what does not fit', () => {
    const narrow = new Embeddings(new Float32Array(6), 2, 3);
    expect(() => similarity(a, narrow)).toThrow(code('ERR_DIMENSION'));
    expect(() => similarity(a, b, { metric: 'l2' as never })).toThrow(code('ERR_INVALID_ARG'));
    expect(() => similarity(a, b, { metirc: 'dot' } as never)).toThrow(/did you mean 'metric'/);
    expect(() => similarity(a, null as never)).toThrow(code('ERR_INVALID_ARG'));
    expect(() => similarity(new Float32Array(4) as never, b)).toThrow(code('ERR_INVALID_ARG'));
    expect(() => similarity({ data: new Float64Array(4) as never, rows: 2, dims: 2 }, b)).toThrow(
      code('ERR_DTYPE'),
    );
  });
});

describe('dot, cosine, l2', () => {
  const x = Float32Array.of(1, 2, 2);
  const y = Float32Array.of(2, 0, 0);

  it('do what they say', () => {
    expect([dot(x, y), cosine(x, y), l2(x, y)]).toEqual([2, Math.fround(1 / 3), 3]);
  });

  it.each([dot, cosine, l2])('%o refuses misuse', (call) => {
    expect(() => call(x, Float32Array.of(1))).toThrow(code('ERR_DIMENSION'));
    expect(() => call(x, new Float64Array(3) as never)).toThrow(code('ERR_DTYPE'));
    expect(() => call([1, 2, 2] as never, x)).toThrow(code('ERR_INVALID_ARG'));
    expect(() => call(x, undefined as never)).toThrow(code('ERR_INVALID_ARG'));
    expect(() => call(x, new Float32Array(new SharedArrayBuffer(12)) as never)).toThrow(
      code('ERR_INVALID_ARG'),
    );
    const gone = Float32Array.of(1, 2, 3);
    structuredClone(gone, { transfer: [gone.buffer] });
    expect(() => call(gone, gone)).toThrow(code('ERR_INVALID_ARG'));
  });
});

describe('normalize', () => {
  it('returns new unit vectors and leaves the argument alone', () => {
    const vector = Float32Array.of(3, 4);
    expect(normalize(vector)).toEqual(Float32Array.of(Math.fround(0.6), Math.fround(0.8)));
    expect(vector).toEqual(Float32Array.of(3, 4));
    const matrix = new Embeddings(Float32Array.of(0, 2, 0, 0, 5, 0), 3, 2);
    const result = normalize(matrix);
    expect(result).toBeInstanceOf(Embeddings);
    expect(result.toArrays()).toEqual([
      [0, 1],
      [0, 0],
      [1, 0],
    ]);
    expect(normalize(new Float32Array(0))).toEqual(new Float32Array(0));
    expect(normalize({ data: new Float32Array(0), rows: 0, dims: 0 }).rows).toBe(0);
  });

  it('honours byte offsets', () => {
    expect(normalize(Float32Array.of(9, 3, 4).subarray(1))).toEqual(normalize(Float32Array.of(3, 4)));
  });

  it('refuses misuse', () => {
    expect(() => normalize(new Float64Array(2) as never)).toThrow(code('ERR_DTYPE'));
    expect(() => normalize(5 as never)).toThrow(code('ERR_INVALID_ARG'));
    expect(() => normalize({ data: new Float32Array(5), rows: 2, dims: 2 })).toThrow(code('ERR_DIMENSION'));
  });
});

describe('simd', () => {
  it('tells level and backend', () => {
    const { level, available, backend } = simd();
    expect(available).toContain(level);
    expect(['native', 'typescript']).toContain(backend);
  });
});
