import { afterAll, describe, expect, it } from 'vitest';
import type { NativeBinding } from '#dist/native/binding.js';
import { loadBinding } from '#dist/native/load.js';
import { implementations } from './levels.js';
import { Random } from './random.js';

const all = implementations();
const best = loadBinding().simdLevel();
afterAll(() => loadBinding().setSimdLevel(best));

const bytes = (array: ArrayBufferView) => Buffer.from(array.buffer, array.byteOffset, array.byteLength);

/** Runs every implementation and checks that all give the same bytes; returns the first one's results. */
function agree<T extends readonly (ArrayBufferView | number)[]>(run: (binding: NativeBinding) => T): T {
  const [first, ...rest] = all.map(({ name, use }) => ({ name, results: run(use()) }));
  for (const { name, results } of rest) {
    results.forEach((result, i) => {
      const wanted = first.results[i];
      const same =
        typeof result === 'number' ? result === wanted : bytes(result).equals(bytes(wanted as Uint8Array));
      if (!same) expect.fail(`result ${i} of ${name} is not that of ${first.name}`);
    });
  }
  return first.results;
}

const LENGTHS = [...Array.from({ length: 70 }, (_, i) => i), 384, 1023];

/** Floats with random bits: every exponent, NaN with payloads, infinities, subnormal numbers. */
function wild(random: Random, length: number): Float32Array {
  const words = Uint32Array.from({ length }, () => random.uniform() * 2 ** 32);
  return new Float32Array(words.buffer);
}

describe('16-bit floats', () => {
  it('widen alike everywhere, all of them, and narrow back to themselves', () => {
    const halves = Uint16Array.from({ length: 65_536 }, (_, i) => i);
    for (const dtype of ['f16', 'bf16'] as const) {
      const [wide, narrow] = agree((binding) => {
        const out = new Float32Array(65_536);
        const back = new Uint16Array(65_536);
        binding.fromHalf(dtype, halves, out);
        binding.toHalf(dtype, out, back);
        return [out, back] as const;
      });
      expect(wide[dtype === 'f16' ? 0x3c00 : 0x3f80]).toBe(1);
      expect(wide[1]).toBe(dtype === 'f16' ? 2 ** -24 : 2 ** -133);
      halves.forEach((half, i) => {
        if (!Number.isNaN(wide[i]) && narrow[i] !== half) expect.fail(`${dtype} ${half} became ${narrow[i]}`);
      });
    }
  });

  it('narrow alike everywhere, whatever the bits', () => {
    const random = new Random(1);
    for (const length of [...LENGTHS, 100_000]) {
      const data = wild(random, length);
      for (const dtype of ['f16', 'bf16'] as const) {
        agree((binding) => {
          const out = new Uint16Array(length);
          binding.toHalf(dtype, data, out);
          return [out];
        });
      }
    }
  });

  it('round to nearest, ties to even', () => {
    const data = Float32Array.of(1 + 2 ** -11, 1 + 3 * 2 ** -11, 65_519, 65_520, 2 ** -25, 2 ** -25 * 1.001);
    const [out] = agree((binding) => {
      const halves = new Uint16Array(data.length);
      binding.toHalf('f16', data, halves);
      return [halves];
    });
    expect([...out]).toEqual([0x3c00, 0x3c02, 0x7bff, 0x7c00, 0, 1]);
  });
});

describe('quantisation', () => {
  it('gives the same bytes everywhere, for every shape', () => {
    const random = new Random(2);
    for (const dims of LENGTHS.filter((length) => length > 0)) {
      const rows = 1 + (dims % 4);
      const data = random.vector(rows * dims);
      agree((binding) => {
        const ranges = new Float32Array(2 * dims);
        const sample = binding.findRanges(data, dims, ranges);
        const int8 = new Int8Array(rows * dims);
        const uint8 = new Uint8Array(rows * dims);
        const back = new Float32Array(rows * dims);
        const codes = new Int8Array(rows * dims);
        const scales = new Float32Array(rows);
        const unscaled = new Float32Array(rows * dims);
        const bits = new Uint8Array(rows * Math.ceil(dims / 8));
        const signed = new Int8Array(bits.length);
        const unpacked = new Float32Array(rows * dims);
        const found = [
          binding.quantizeRanges(data, dims, ranges, int8),
          binding.quantizeRanges(data, dims, ranges, uint8),
          binding.quantizeScaled(data, dims, codes, scales),
          binding.packBits(data, dims, bits),
          binding.packBits(data, dims, signed),
        ];
        binding.dequantizeRanges(int8, dims, ranges, back);
        binding.dequantizeScaled(codes, dims, scales, unscaled);
        binding.unpackBits(signed, dims, unpacked);
        return [
          sample,
          ...found,
          ...[ranges, int8, uint8, back, codes, scales, unscaled, bits, signed, unpacked],
        ];
      });
    }
  });

  it('gives the same bytes for extreme values and ranges', () => {
    const random = new Random(3);
    const finite = Float32Array.from(wild(random, 4000)).filter(Number.isFinite).subarray(0, 3600);
    const tiny = Float32Array.from({ length: 3600 }, () => random.normal() * 1e-43);
    for (const data of [finite, tiny]) {
      for (const dims of [36, 100, 1]) {
        agree((binding) => {
          const ranges = new Float32Array(2 * dims);
          binding.findRanges(data.subarray(0, 900 - (900 % dims)), dims, ranges);
          const codes = new Uint8Array(3600);
          const scaled = new Int8Array(3600);
          const scales = new Float32Array(3600 / dims);
          const first = binding.quantizeRanges(data, dims, ranges, codes);
          const second = binding.quantizeScaled(data, dims, scaled, scales);
          return [ranges, codes, scaled, scales, first, second];
        });
      }
    }
  });

  it('names the first row that is not finite and writes none from there on', () => {
    for (const special of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const data = new Random(4).vector(5 * 37);
      data[3 * 37 + 36] = special;
      const [rows, bits] = agree((binding) => {
        const out = new Uint8Array(5 * 5);
        const ranges = new Float32Array(74);
        const found = [
          binding.packBits(data, 37, out),
          binding.findRanges(data, 37, ranges),
          binding.quantizeRanges(data, 37, ranges, new Int8Array(5 * 37)),
          binding.quantizeScaled(data, 37, new Int8Array(5 * 37), new Float32Array(5)),
        ];
        return [Int32Array.from(found), out] as const;
      });
      expect([...rows]).toEqual([3, 3, 3, 3]);
      expect(bits.subarray(15).every((byte) => byte === 0)).toBe(true);
    }
  });

  it.skipIf(loadBinding().backend === 'typescript')('checks its arguments again in the addon', () => {
    const addon = loadBinding();
    const x = new Float32Array(8);
    const codes = new Int8Array(8);
    const misuse: (() => unknown)[] = [
      () => addon.toHalf('f32' as never, x, new Uint16Array(8)),
      () => addon.toHalf('f16', x, new Uint16Array(7)),
      () => addon.toHalf('f16', x, x as never),
      () => addon.fromHalf('bf16', new Uint16Array(9), x),
      () => addon.findRanges(x, 3, new Float32Array(6)),
      () => addon.findRanges(x, 4, new Float32Array(7)),
      () => addon.quantizeRanges(x, 4, new Float32Array(4), codes),
      () => addon.quantizeRanges(x, 4, new Float32Array(8), new Int8Array(7)),
      () => addon.quantizeRanges(x, 4, new Float32Array(8), x as never),
      () => addon.quantizeRanges(x, 0, new Float32Array(0), codes),
      () => addon.dequantizeRanges(codes, 4, new Float32Array(8), new Float32Array(9)),
      () => addon.quantizeScaled(x, 4, new Uint8Array(8) as never, new Float32Array(2)),
      () => addon.quantizeScaled(x, 4, codes, new Float32Array(3)),
      () => addon.dequantizeScaled(codes, 4, new Float32Array(1), x),
      () => addon.packBits(x, 8, new Uint8Array(2)),
      () => addon.packBits(x, 2 ** 32, new Uint8Array(2)),
      () => addon.unpackBits(new Uint8Array(2), 8, x),
      () => addon.unpackBits(new Uint8Array(new SharedArrayBuffer(1)) as never, 8, x),
    ];
    for (const call of misuse) {
      expect(call, String(call)).toThrowError(
        expect.objectContaining({ name: 'EmbedlaneError', code: expect.stringMatching(/^ERR_/) }),
      );
    }
  });
});
