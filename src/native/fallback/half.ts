import type { HalfDtype } from '../conversions.js';

// Conversions by bits, as in native/kernels/half-inl.h.

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The value of one half. */
export function fromHalf(dtype: HalfDtype, half: number): number {
  bits[0] = dtype === 'f16' ? widenF16(half) : half << 16;
  return float[0];
}

/** {@link Conversions.fromHalf} */
export function fromHalves(dtype: HalfDtype, data: Uint16Array, out: Float32Array): void {
  // Through bits, because a NaN that passes through a number may lose its payload.
  const words = bitsOf(out);
  if (dtype === 'f16') for (let i = 0; i < data.length; i++) words[i] = widenF16(data[i]);
  else for (let i = 0; i < data.length; i++) words[i] = data[i] << 16;
}

/** {@link Conversions.toHalf} */
export function toHalves(dtype: HalfDtype, data: Float32Array, out: Uint16Array): void {
  const words = bitsOf(data);
  if (dtype === 'f16') for (let i = 0; i < data.length; i++) out[i] = narrowF16(words[i]);
  else for (let i = 0; i < data.length; i++) out[i] = narrowBf16(words[i]);
}

function bitsOf(data: Float32Array): Uint32Array {
  return new Uint32Array(data.buffer, data.byteOffset, data.length);
}

function widenF16(half: number): number {
  const sign = (half & 0x8000) << 16;
  const magnitude = (half & 0x7fff) << 13;
  if (magnitude >= 0x0f800000) return sign | 0x7f800000 | magnitude | (magnitude > 0x0f800000 ? 0x400000 : 0);
  bits[0] = magnitude;
  float[0] *= 2 ** 112; // the biases differ by 112; this also normalises subnormal halves
  return sign | bits[0];
}

function narrowF16(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const magnitude = word & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >> 13) & 0x3ff);
  if (magnitude >= 0x47800000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    bits[0] = magnitude;
    float[0] += 0.5; // has the unit in the last place of subnormal halves, so the addition rounds
    return sign | (bits[0] - 0x3f000000);
  }
  return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13);
}

function narrowBf16(word: number): number {
  if ((word & 0x7fffffff) > 0x7f800000) return (word >>> 16) | 0x40;
  return (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
}
