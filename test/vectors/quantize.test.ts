import { readFileSync } from 'node:fs';
import {
  calibrationRanges,
  dequantize,
  dequantizeScaled,
  Embeddings,
  normalize,
  quantize,
  quantizeScaled,
  similarity,
  truncate,
} from 'embedlane/vectors';
import { describe, expect, it } from 'vitest';

const folder = new URL('../fixtures/goldens/minilm/', import.meta.url);
const read = (name: string) => new Uint8Array(readFileSync(new URL(name, folder)));
const floats = (name: string) => new Float32Array(read(name).buffer);
const code = (expected: string) => expect.objectContaining({ name: 'EmbedlaneError', code: expected });

const golden = JSON.parse(readFileSync(new URL('quantize.json', folder), 'utf8')) as {
  rows: [number, number];
  calibration_rows: [number, number];
  cases: {
    precision: 'int8' | 'uint8' | 'binary' | 'ubinary';
    ranges?: string;
    input?: string;
    file: string;
  }[];
};

const DIMS = 384;
const all = floats('embeddings.f32.bin');
const rows = ([from, to]: [number, number]) =>
  new Embeddings(all.subarray(from * DIMS, to * DIMS), to - from, DIMS);
const embeddings = rows(golden.rows);
const calibration = rows(golden.calibration_rows);
const ranges = (() => {
  const both = floats('quant_ranges.f32.bin');
  return { min: [...both.subarray(0, DIMS)], max: [...both.subarray(DIMS)] };
})();

describe('quantize', () => {
  it.each(golden.cases)('$precision with ranges $ranges equals sentence-transformers: $file', (each) => {
    const options = each.file.includes('_ranges')
      ? { ranges }
      : each.file.includes('_calib')
        ? { calibration }
        : undefined;
    let input = embeddings;
    if (each.input) {
      const whole = floats('embeddings_unnormalized.f32.bin');
      input = truncate(new Embeddings(whole, whole.length / DIMS, DIMS), 100);
      input = new Embeddings(input.data.subarray(0, 48 * 100), 48, 100);
    }
    const result = quantize(input, each.precision, options);
    expect([result.rows, result.dims, result.precision]).toEqual([48, input.dims, each.precision]);
    expect(Buffer.from(result.data.buffer).equals(read(each.file))).toBe(true);
  });

  it('takes ranges that went through JSON', () => {
    const computed = calibrationRanges(calibration);
    const saved = JSON.parse(JSON.stringify(computed));
    expect(quantize(embeddings, 'int8', { ranges: saved })).toEqual(
      quantize(embeddings, 'int8', { calibration }),
    );
  });

  it('rounds to 16-bit floats, and copies floats', () => {
    const x = new Embeddings(Float32Array.of(1, -2, 1e-8, 1e6, Number.NaN, 1 / 3), 2, 3);
    expect([...quantize(x, 'float16').data]).toEqual([0x3c00, 0xc000, 0, 0x7c00, 0x7e00, 0x3555]);
    expect([...quantize(x, 'bfloat16').data]).toEqual([0x3f80, 0xc000, 0x322c, 0x4974, 0x7fc0, 0x3eab]);
    expect(quantize(x, 'float16').toArrays()[0]).toEqual([1, -2, 0]);
    const copy = quantize(x, 'float32');
    expect(copy).toEqual(x);
    expect(copy.data).not.toBe(x.data);
  });

  it('gives packed rows of bits whatever the number of dimensions', () => {
    const bits = quantize(
      { data: Float32Array.of(1, -1, 0.5, 2, 0, 1, 1, 1, 3, -0, 0, 5), rows: 2, dims: 6 },
      'ubinary',
    );
    expect([...bits.data]).toEqual([0b10110100, 0b11100100]);
    expect(bits.dims).toBe(6);
    expect(bits.row(1)).toEqual(Uint8Array.of(0b11100100));
    expect(dequantize(bits).toArrays()).toEqual([
      [1, 0, 1, 1, 0, 1],
      [1, 1, 1, 0, 0, 1],
    ]);
  });

  it('may be empty', () => {
    const nothing = new Embeddings(new Float32Array(0), 0, 12);
    for (const precision of ['float32', 'float16', 'int8', 'uint8', 'binary', 'ubinary'] as const) {
      expect(quantize(nothing, precision)).toMatchObject({ rows: 0, dims: 12, precision });
    }
    expect(quantizeScaled(nothing).scales).toHaveLength(0);
    expect(truncate(nothing, 3)).toMatchObject({ rows: 0, dims: 3 });
  });

  it('refuses misuse', () => {
    const one = new Embeddings(new Float32Array(DIMS), 1, DIMS);
    const nan = new Embeddings(Float32Array.of(1, 2, Number.NaN, 4), 2, 2);
    const few = { min: [0], max: [1] };
    expect(() => quantize(one, 'int8')).toThrow(code('ERR_INVALID_ARG'));
    expect(() => quantize(one, 'int8', { calibration: one })).toThrow(code('ERR_INVALID_ARG'));
    expect(() => quantize(one, 'int4' as never)).toThrow(code('ERR_INVALID_ARG'));
    expect(() => quantize(one, 'binary', { ranges })).toThrow(code('ERR_INVALID_ARG'));
    expect(() => quantize(one, 'int8', { range: ranges } as never)).toThrow(/did you mean 'ranges'/);
    expect(() => quantize(embeddings, 'int8', { calibration: nan })).toThrow(code('ERR_DIMENSION'));
    expect(() => quantize(embeddings, 'int8', { ranges: few })).toThrow(code('ERR_DIMENSION'));
    expect(() => quantize(embeddings, 'int8', { ranges: [0, 1] as never })).toThrow(code('ERR_INVALID_ARG'));
    expect(() => quantize(nan, 'int8', { ranges: { min: [0, 1], max: [1, 0] } })).toThrow(/max\[1\]/);
    expect(() => quantize(nan, 'int8', { ranges: { min: [0, Number.NaN], max: [1, 1] } })).toThrow(
      /min\[1\]/,
    );
    expect(() => quantize(nan, 'int8', { ranges: { min: [0, 0], max: [1, 1e39] } })).toThrow(/max\[1\]/);
    for (const precision of ['int8', 'uint8', 'binary', 'ubinary'] as const) {
      expect(() => quantize(nan, precision)).toThrow(/finite values for embeddings but row 1/);
    }
    expect(() => quantizeScaled(nan)).toThrow(code('ERR_INVALID_ARG'));
    expect(() => quantize(quantize(embeddings, 'ubinary') as never, 'int8')).toThrow(code('ERR_DTYPE'));
    expect(() => quantize([1, 2] as never, 'int8')).toThrow(code('ERR_INVALID_ARG'));
    expect(() => calibrationRanges(one)).toThrow(code('ERR_INVALID_ARG'));
    expect(() => calibrationRanges(nan)).toThrow(/row 1/);
  });
});

describe('dequantize', () => {
  it('is within a bucket of the original', () => {
    for (const precision of ['int8', 'uint8'] as const) {
      const back = dequantize(quantize(embeddings, precision), { ranges: calibrationRanges(embeddings) });
      const { min, max } = calibrationRanges(embeddings);
      embeddings.data.forEach((x, i) => {
        const step = (max[i % DIMS] - min[i % DIMS]) / 255;
        expect(Math.abs(x - back.data[i])).toBeLessThanOrEqual(step * 1.0001);
      });
    }
  });

  it('gives 16-bit floats exactly', () => {
    const half = quantize(embeddings, 'float16');
    expect(quantize(dequantize(half), 'float16')).toEqual(half);
    expect(dequantize(half).toArrays()).toEqual(half.toArrays());
  });

  it('refuses misuse', () => {
    expect(() => dequantize(quantize(embeddings, 'int8'))).toThrow(code('ERR_INVALID_ARG'));
    expect(() => dequantize(quantize(embeddings, 'ubinary'), { ranges })).toThrow(code('ERR_INVALID_ARG'));
    expect(() => dequantize({ data: new Float32Array(2), rows: 1, dims: 2 } as never)).toThrow(
      code('ERR_INVALID_ARG'),
    );
    const gone = quantize(embeddings, 'uint8');
    structuredClone(gone.data.buffer, { transfer: [gone.data.buffer as ArrayBuffer] });
    expect(() => dequantize(gone, { ranges })).toThrow(code('ERR_INVALID_ARG'));
  });
});

describe('quantizeScaled', () => {
  it('keeps every value within half a scale, and cosines within a thousandth', () => {
    const scaled = quantizeScaled(embeddings);
    const back = dequantizeScaled(scaled);
    expect(scaled.embeddings.precision).toBe('int8');
    embeddings.data.forEach((x, i) => {
      expect(Math.abs(x - back.data[i])).toBeLessThanOrEqual(scaled.scales[Math.floor(i / DIMS)] * 0.5001);
    });
    const { data } = similarity(embeddings, back);
    for (let i = 0; i < embeddings.rows; i++) expect(data[i * embeddings.rows + i]).toBeGreaterThan(0.999);
  });

  it('refuses misuse', () => {
    const scaled = quantizeScaled(embeddings);
    expect(() => dequantizeScaled({ ...scaled, scales: new Float32Array(3) })).toThrow(code('ERR_DIMENSION'));
    expect(() => dequantizeScaled({ embeddings: embeddings as never, scales: scaled.scales })).toThrow(
      code('ERR_DTYPE'),
    );
  });
});

describe('truncate', () => {
  it.each([
    [false, 'embeddings_dim128.f32.bin'],
    [true, 'embeddings_dim128_normalized.f32.bin'],
  ])('equals sentence-transformers, normalize: %s', (normalized, file) => {
    const wanted = floats(file);
    const result = truncate(new Embeddings(all, all.length / DIMS, DIMS), 128, { normalize: normalized });
    expect([result.rows, result.dims]).toEqual([all.length / DIMS, 128]);
    wanted.forEach((x, i) => {
      expect(Math.abs(x - result.data[i])).toBeLessThanOrEqual(1e-6);
    });
  });

  it('leaves short rows and the argument alone', () => {
    const x = new Embeddings(Float32Array.of(3, 4, 0, 1), 2, 2);
    expect(truncate(x, 9)).toEqual(x);
    expect(truncate(x, 1, { normalize: true }).toArrays()).toEqual([[1], [0]]);
    expect(x.toArrays()).toEqual([
      [3, 4],
      [0, 1],
    ]);
    expect(truncate(x, 2, { normalize: true })).toEqual(normalize(x));
  });

  it.each([0, -1, 1.5, Number.NaN, '2', undefined])('refuses %s dimensions', (dims) => {
    expect(() => truncate(embeddings, dims as never)).toThrow(code('ERR_INVALID_ARG'));
  });
});
