import { afterAll, describe, expect, it } from 'vitest';
import { DTYPES, type Dtype, type MatrixMetric, type VectorData } from '#dist/native/binding.js';
import { loadBinding } from '#dist/native/load.js';
import { implementations } from './levels.js';
import { Random } from './random.js';

const all = implementations();
const best = loadBinding().simdLevel();
afterAll(() => loadBinding().setSimdLevel(best));

/** Elements of every size that the type has, without what is not finite. */
function elements(random: Random, dtype: Dtype, length: number): VectorData {
  switch (dtype) {
    case 'f32':
      return random.vector(length);
    case 'f16':
      return Uint16Array.from({ length }, () => random.below(2) * 0x8000 + random.below(0x7c00));
    case 'bf16':
      return Uint16Array.from({ length }, () => random.below(2) * 0x8000 + 0x3c00 + random.below(0x400));
    case 'i8':
      return Int8Array.from({ length }, () => random.below(256) - 128);
    default:
      return Uint8Array.from({ length }, () => random.below(256));
  }
}

/** The numbers that elements stand for, from the definitions of the formats. */
function numbers(dtype: Dtype, data: VectorData): number[] {
  switch (dtype) {
    case 'f16':
      return Array.from(data, (half) => {
        const exponent = (half >> 10) & 31;
        const fraction = half & 1023;
        const size = exponent ? (1024 + fraction) * 2 ** (exponent - 25) : fraction * 2 ** -24;
        return half & 0x8000 ? -size : size;
      });
    case 'bf16':
      return Array.from(new Float32Array(Uint32Array.from(data, (half) => half << 16).buffer));
    case 'b1':
      return Array.from(data).flatMap((byte) => Array.from(byte.toString(2).padStart(8, '0'), Number));
    default:
      return Array.from(data);
  }
}

/** Sums of at most 2^53 or so, in float64, in any order: the roundings are far below those of the result. */
function exact(metric: MatrixMetric, a: number[], b: number[]): number {
  const sum = (term: (x: number, y: number) => number) => a.reduce((total, x, i) => total + term(x, b[i]), 0);
  const dot = sum((x, y) => x * y);
  const [aa, bb] = [sum((x) => x * x), sum((_, y) => y * y)];
  switch (metric) {
    case 'dot':
      return dot;
    case 'cosine':
      return aa && bb ? dot / (Math.sqrt(aa) * Math.sqrt(bb)) : 0;
    case 'l2':
      return Math.sqrt(sum((x, y) => (x - y) ** 2));
    case 'l1':
      return sum((x, y) => Math.abs(x - y));
    case 'jaccard':
      return aa + bb - dot ? 1 - dot / (aa + bb - dot) : 0;
  }
}

const METRICS = ['dot', 'cosine', 'l2', 'l1'] as const;

describe.each(DTYPES)('vectors of %s', (dtype) => {
  const metrics: MatrixMetric[] = dtype === 'b1' ? [...METRICS, 'jaccard'] : [...METRICS];

  it('give the same bits on every level and in the fallback, and those of the definition', () => {
    const random = new Random(6);
    for (const length of [...Array.from({ length: 70 }, (_, i) => i + 1), 127, 384, 1000]) {
      const rows = 1 + (length % 6);
      const dims = dtype === 'b1' ? 8 * length : length;
      const a = elements(random, dtype, 2 * length);
      const b = elements(random, dtype, rows * length);
      for (const metric of metrics) {
        const results = all.map(({ name, use }) => {
          const out = new Float32Array(2 * rows);
          use().matrix(metric, a, b, dims, out, dtype);
          return { name, out };
        });
        for (const { name, out } of results) expect(out, `${metric} of ${name}`).toEqual(results[0].out);
        results[0].out.forEach((score, i) => {
          const [p, q] = [Math.floor(i / rows), i % rows];
          const x = numbers(dtype, a.subarray(p * length, (p + 1) * length));
          const y = numbers(dtype, b.subarray(q * length, (q + 1) * length));
          const wanted = exact(metric, x, y);
          const size =
            metric === 'dot' ? Math.sqrt(exact('dot', x, x) * exact('dot', y, y)) : Math.abs(wanted);
          expect(Math.abs(score - wanted)).toBeLessThanOrEqual(2 ** -23 * Math.max(size, 2 ** -120));
        });
      }
    }
  });

  it('give a pair the bits of the matrix', () => {
    const random = new Random(7);
    for (const length of [1, 5, 16, 48, 100, 384]) {
      const dims = dtype === 'b1' ? 8 * length : length;
      const [a, b] = [elements(random, dtype, length), elements(random, dtype, length)];
      for (const { use } of all) {
        const binding = use();
        const out = new Float32Array(1);
        const of = (metric: MatrixMetric) => {
          binding.matrix(metric, a, b, dims, out, dtype);
          return out[0];
        };
        for (const metric of METRICS) expect(binding[metric](a, b, dtype)).toBe(of(metric));
        if (dtype === 'b1') {
          expect(binding.hamming(a, b)).toBe(of('l1'));
          expect(binding.hamming(a, b, 'b1')).toBe(of('l1'));
          expect(binding.jaccard(a, b)).toBe(of('jaccard'));
          const signed = [a, b].map((data) => Int8Array.from(data, (byte) => byte - 128));
          expect(binding.hamming(signed[0], signed[1])).toBe(of('l1'));
        } else if (!dtype.endsWith('f16')) {
          for (const metric of METRICS) expect(binding[metric](a, b)).toBe(of(metric));
        }
      }
    }
  });
});

describe('a pair that is none', () => {
  const floats = new Float32Array(4);
  const bytes = new Uint8Array(4);
  const halves = new Uint16Array(4);
  const gone = Float32Array.of(1, 2, 3, 4);
  structuredClone(gone, { transfer: [gone.buffer] });

  it.each(all)('is undefined, $name', ({ use }) => {
    const binding = use();
    const calls: (() => unknown)[] = [
      () => binding.dot(floats, new Float32Array(3)),
      () => binding.dot(floats, new Float64Array(4)),
      () => binding.dot(new Float64Array(4), new Float64Array(4)),
      () => binding.dot(floats, [1, 2, 3, 4]),
      () => binding.dot([1, 2, 3, 4], floats),
      () => binding.dot(floats, undefined),
      () => (binding.dot as () => unknown)(),
      () => binding.dot(floats, bytes),
      () => binding.dot(new DataView(new ArrayBuffer(4)), new DataView(new ArrayBuffer(4))),
      () => binding.dot(new Uint8ClampedArray(4), new Uint8ClampedArray(4)),
      () => binding.dot(new Float32Array(0), new Float32Array(0)),
      () => binding.dot(floats, new Float32Array(new SharedArrayBuffer(16))),
      () => binding.dot(gone, gone),
      () => binding.dot(floats, floats, 'i8'),
      () => binding.dot(floats, floats, 'f64' as never),
      () => binding.dot(halves, halves),
      () => binding.dot(halves, halves, 'f32'),
      () => binding.dot(bytes, bytes, 'i8'),
      () => binding.dot(bytes, bytes, 'f16'),
      () => binding.hamming(floats, floats),
      () => binding.hamming(bytes, bytes, 'u8'),
      () => binding.hamming(halves, halves, 'f16'),
      () => binding.jaccard(new Int8Array(4), new Int8Array(4)),
      () => binding.jaccard(floats, floats),
    ];
    for (const call of calls) expect(call(), String(call)).toBeUndefined();
  });
});
