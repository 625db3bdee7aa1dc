import { describe, expect, it } from 'vitest';
import { widenBfloat16, widenFloat16 } from '#dist/core/float16.js';

describe('widenFloat16', () => {
  it('is exact for every class of number', () => {
    const halves = [0x0000, 0x3c00, 0xc000, 0x7bff, 0x0001, 0x03ff, 0x0400, 0x3555, 0x7c00, 0xfc00, 0x7e00];
    const expected = [
      0,
      1,
      -2,
      65504,
      2 ** -24,
      1023 * 2 ** -24,
      2 ** -14,
      0.333251953125,
      Infinity,
      -Infinity,
      NaN,
    ];
    expect([...widenFloat16(Uint16Array.from(halves))]).toEqual(expected);
  });
});

describe('widenBfloat16', () => {
  it('is the upper half of a float32', () => {
    const bits = [0x0000, 0x3f80, 0xc000, 0x7f7f, 0x0001, 0x7f80, 0xff80, 0x7fc0];
    const view = new DataView(new ArrayBuffer(4));
    const expected = bits.map((half) => {
      view.setUint32(0, half * 65536);
      return view.getFloat32(0);
    });
    expect([...widenBfloat16(Uint16Array.from(bits))]).toEqual(expected);
  });
});
