import { readFileSync } from 'node:fs';
import {
  cosine,
  dequantize,
  dot,
  Embeddings,
  hamming,
  jaccard,
  l2,
  normalize,
  quantize,
  simd,
  similarity,
} from 'embedlane/vectors';
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

  it('has the bits of single pairs, however large the matrix and whoever computes it', () => {
    const rows = 333;
    const many = new Embeddings(
      Float32Array.from({ length: rows * 99 }, (_, i) => Math.sin(i * i)),
      rows,
      99,
    );
    for (const [metric, pair] of [
      ['cosine', cosine],
      ['dot', dot],
      ['euclidean', (x: Float32Array, y: Float32Array) => 0 - l2(x, y)],
    ] as const) {
      const { data } = similarity(many, many, { metric });
      const wanted = Float32Array.from({ length: rows * rows }, (_, i) =>
        pair(many.row(Math.floor(i / rows)), many.row(i % rows)),
      );
      expect(data).toEqual(wanted);
    }
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

describe('elements of every type', () => {
  const all = floats('embeddings.f32.bin');
  const e = new Embeddings(all.subarray(0, 20 * 384), 20, 384);
  const pairs = [dot, cosine, l2] as const;

  it('16-bit floats compare as the floats that they are', () => {
    for (const [precision, dtype] of [
      ['float16', 'f16'],
      ['bfloat16', 'bf16'],
    ] as const) {
      const half = quantize(e, precision);
      const wide = dequantize(half);
      for (const call of pairs) {
        expect(call(half.row(1), half.row(2), { dtype })).toBe(call(wide.row(1), wide.row(2)));
      }
      for (const metric of ['cosine', 'dot', 'euclidean', 'manhattan'] as const) {
        expect(similarity(half, half, { metric })).toEqual(similarity(wide, wide, { metric }));
        const plain = { data: half.data, rows: 20, dims: 384, dtype };
        expect(similarity(plain, half, { metric })).toEqual(similarity(wide, wide, { metric }));
      }
    }
  });

  it('integers compare exactly', () => {
    const a = Int8Array.of(-128, 127, 3);
    const b = Int8Array.of(-128, -128, 5);
    expect([dot(a, b), l2(a, b)]).toEqual([143, Math.fround(Math.sqrt(65_029))]);
    const [c, d] = [Uint8Array.of(255, 0), Uint8Array.of(255, 1)];
    expect([dot(c, d), l2(c, d), cosine(c, c)]).toEqual([65_025, 1, 1]);
    expect(
      similarity({ data: a, rows: 1, dims: 3 }, { data: b, rows: 1, dims: 3 }, { metric: 'dot' }).data[0],
    ).toBe(143);
    const codes = quantize(e, 'int8');
    const { data } = similarity(codes, codes);
    const { data: wanted } = similarity(
      new Embeddings(Float32Array.from(codes.data), 20, 384),
      new Embeddings(Float32Array.from(codes.data), 20, 384),
    );
    expect(data).toEqual(wanted);
  });

  it('bits differ, meet and join', () => {
    const [a, b] = [Uint8Array.of(0b11110000, 1), Uint8Array.of(0b00111100, 1)];
    expect([hamming(a, b), jaccard(a, b), dot(a, b, { dtype: 'b1' })]).toEqual([4, Math.fround(4 / 7), 3]);
    expect(l2(a, b, { dtype: 'b1' })).toBe(2);
    const [zero] = [new Uint8Array(2)];
    expect([hamming(zero, zero), jaccard(zero, zero), cosine(zero, zero, { dtype: 'b1' })]).toEqual([
      0, 0, 0,
    ]);
  });

  it('signed and unsigned bits are the same', () => {
    const unsigned = quantize(e, 'ubinary');
    const signed = quantize(e, 'binary');
    for (const metric of ['hamming', 'jaccard', 'cosine', 'dot'] as const) {
      expect(similarity(signed, signed, { metric })).toEqual(similarity(unsigned, unsigned, { metric }));
      expect(similarity(signed, unsigned, { metric })).toEqual(similarity(unsigned, unsigned, { metric }));
    }
    expect(hamming(signed.row(0), signed.row(1))).toBe(hamming(unsigned.row(0), unsigned.row(1)));
    expect(jaccard(signed.row(0), signed.row(1))).toBe(jaccard(unsigned.row(0), unsigned.row(1)));
    const { data } = similarity(unsigned, unsigned, { metric: 'hamming' });
    expect(data[1]).toBe(-hamming(unsigned.row(0), unsigned.row(1)));
    const plain = { data: unsigned.data, rows: 20, dims: 384 };
    const inBytes = { data: unsigned.data, rows: 20, dims: 48 };
    expect(similarity(plain, inBytes, { metric: 'hamming' }).data).toEqual(data);
  });

  it.runIf('Float16Array' in globalThis)('takes Float16Arrays', () => {
    const Float16 = (globalThis as unknown as { Float16Array: new (values: number[]) => Uint16Array })
      .Float16Array;
    expect(dot(new Float16([1, 2, 3]), new Float16([4, 5, 6]))).toBe(32);
    // Node 24.0 does not tell the addon what they are: it must not take them for what it saw before.
    const others = [Float32Array.of(1, 2), Int8Array.of(1, 2), Uint8Array.of(1, 2)];
    for (const other of others) {
      for (let i = 0; i < 20_000; i++) {
        dot(other, other);
        if (dot(new Float16([1, 2, 3]), new Float16([4, 5, 6])) !== 32) expect.fail(`taken for ${other}`);
      }
    }
  });

  it('takes empty vectors and resizable memory', () => {
    expect([dot, cosine, l2].map((call) => call(new Float32Array(0), new Float32Array(0)))).toEqual([
      0, 0, 0,
    ]);
    expect(hamming(new Uint8Array(0), new Uint8Array(0))).toBe(0);
    const resizable = new (ArrayBuffer as new (length: number, options: object) => ArrayBuffer)(8, {
      maxByteLength: 16,
    });
    expect(dot(new Float32Array(resizable), Float32Array.of(1, 2))).toBe(0);
  });

  it('refuses what does not fit', () => {
    const bytes = new Uint8Array(4);
    const halves = new Uint16Array(4);
    expect(() => dot(halves, halves)).toThrow(/'f16' or 'bf16'/);
    expect(() => dot(halves, halves)).toThrow(code('ERR_DTYPE'));
    expect(() => dot(halves, halves, { dtype: 'u8' })).toThrow(code('ERR_DTYPE'));
    expect(() => dot(halves, halves, { dtype: 'f64' as never })).toThrow(code('ERR_INVALID_ARG'));
    expect(() => dot(bytes, bytes, { dytpe: 'b1' } as never)).toThrow(/did you mean 'dtype'/);
    expect(() => dot(bytes, new Int8Array(4))).toThrow(code('ERR_DTYPE'));
    expect(() => dot(new DataView(new ArrayBuffer(4)) as never, bytes)).toThrow(code('ERR_DTYPE'));
    expect(() => hamming(bytes, new Uint8Array(3))).toThrow(code('ERR_DIMENSION'));
    expect(() => hamming(new Float32Array(4) as never, new Float32Array(4) as never)).toThrow(
      code('ERR_DTYPE'),
    );
    expect(() => jaccard(bytes, bytes, { dtype: 'u8' })).toThrow(code('ERR_DTYPE'));
    expect(() => hamming(new Uint8Array(new SharedArrayBuffer(4)), bytes)).toThrow(code('ERR_INVALID_ARG'));
    expect(() => similarity(e, quantize(e, 'float16'))).toThrow(code('ERR_DTYPE'));
    expect(() => similarity(e, e, { metric: 'hamming' })).toThrow(code('ERR_DTYPE'));
    expect(() => similarity({ data: halves, rows: 1, dims: 4 }, e)).toThrow(code('ERR_DTYPE'));
    expect(() => similarity({ data: bytes, rows: 1, dims: 40 }, e, { metric: 'jaccard' })).toThrow(
      code('ERR_DIMENSION'),
    );
    expect(() => similarity({ data: [1] as never, rows: 1, dims: 1 }, e)).toThrow(code('ERR_INVALID_ARG'));
  });
});
