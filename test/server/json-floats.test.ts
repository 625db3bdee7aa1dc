import { describe, expect, it } from 'vitest';
import { jsonFloats } from '#dist/server/json-floats.js';

/** As float32 numbers again. */
function read(json: string): Float32Array {
  return Float32Array.from(JSON.parse(json));
}

describe('numbers of embeddings as JSON', () => {
  it.each<[string, number[], string]>([
    ['nothing', [], '[]'],
    ['integers', [0, 1, -1, 12, 127, 128, -16_777_216], '[0,1,-1,12,127,128,-16777216]'],
    ['fractions', [0.5, -0.25, 0.05, 1.1, 100.125], '[0.5,-0.25,0.050000001,1.1,100.125]'],
    [
      'what is tiny',
      [2 ** -20, -(2 ** -25), 2 ** -30, -(2 ** -100)],
      '[0.000000953674316,-0.000000029802322,9.31322575e-10,-7.88860905e-31]',
    ],
    ['the smallest and the largest', [2 ** -149, -3.4028234663852886e38], '[1.40129846e-45,-3.40282347e+38]'],
    ['what is long', Array(40).fill(-1.2345678806304932e20), `[${Array(40).fill('-123456790000000000000')}]`],
    ['what JSON has no word for', [Number.NaN, Number.POSITIVE_INFINITY], '[null,null]'],
  ])('write %s', (_, numbers, json) => {
    expect(jsonFloats(Float32Array.from(numbers))).toBe(json);
  });

  it('come back as the same float32, whatever their bits', () => {
    // Every exponent; the mantissas at its ends, where neighbours are closest, and some in between.
    const bits = new Uint32Array(255 * 2 * 64);
    let random = 1;
    for (let exponent = 0, at = 0; exponent < 255; exponent++) {
      for (let i = 0; i < 64; i++) {
        random = (random * 48_271) % 0x7fffffff;
        const mantissa = i < 8 ? i : i < 16 ? 0x7fffff - (i - 8) : random & 0x7fffff;
        for (const sign of [0, 0x80000000]) bits[at++] = (sign | (exponent << 23) | mantissa) >>> 0;
      }
    }
    const numbers = new Float32Array(bits.buffer);
    const back = read(jsonFloats(numbers));
    for (let i = 0; i < numbers.length; i++) {
      if (back[i] !== numbers[i]) throw new Error(`${numbers[i]} came back as ${back[i]}`);
    }
    expect(back.length).toBe(numbers.length);
  });

  it('need fewer bytes than doubles', () => {
    const row = Float32Array.from({ length: 384 }, (_, i) => Math.sin(i + 1) / 20);
    expect(jsonFloats(row).length).toBeLessThan(0.7 * JSON.stringify(Array.from(row)).length);
  });

  it('may be views of a larger array, and of any width', () => {
    const all = Float32Array.from({ length: 3000 }, (_, i) => i / 7);
    const row = all.subarray(3, 2900);
    expect(read(jsonFloats(row))).toEqual(row);
    expect(read(jsonFloats(all.subarray(1, 2)))).toEqual(all.subarray(1, 2));
  });
});
