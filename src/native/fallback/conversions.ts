import type { Codes, Conversions } from '../conversions.js';
import { fromHalves, toHalves } from './half.js';

const { fround } = Math;

/** {@link Conversions} in TypeScript: the same float32 operations as native/quantization, hence the same bits. */
export const conversions: Conversions = {
  toHalf: toHalves,
  fromHalf: fromHalves,

  findRanges(data, dims, ranges) {
    ranges.fill(Number.POSITIVE_INFINITY, 0, dims);
    ranges.fill(Number.NEGATIVE_INFINITY, dims);
    return finiteRows(data, dims, (start) => {
      for (let i = 0; i < dims; i++) {
        const x = data[start + i];
        if (x < ranges[i]) ranges[i] = x;
        if (x > ranges[dims + i]) ranges[dims + i] = x;
      }
    });
  },

  quantizeRanges(data, dims, ranges, out) {
    const steps = stepsOf(ranges, dims);
    const offset = offsetOf(out);
    return finiteRows(data, dims, (start) => {
      for (let i = 0; i < dims; i++) {
        const place = fround(fround(data[start + i] - ranges[i]) / steps[i]);
        out[start + i] = (place > 0 ? (place < 255 ? Math.trunc(place) : 255) : 0) - offset;
      }
    });
  },

  dequantizeRanges(codes, dims, ranges, out) {
    const steps = stepsOf(ranges, dims);
    const offset = offsetOf(codes);
    for (let start = 0; start < codes.length; start += dims) {
      for (let i = 0; i < dims; i++) out[start + i] = (codes[start + i] + offset) * steps[i] + ranges[i];
    }
  },

  quantizeScaled(data, dims, codes, scales) {
    return finiteRows(data, dims, (start, largest) => {
      const scale = largest === 0 ? 0 : Math.max(fround(largest / 127), 2 ** -126);
      scales[start / dims] = scale;
      for (let i = start; i < start + dims; i++) {
        const place = Math.min(Math.max(fround(data[i] / scale), -127), 127);
        // Adding and subtracting 1.5 · 2^23 rounds to an integer, ties to even.
        codes[i] = scale === 0 ? 0 : fround(place + 12582912) - 12582912;
      }
    });
  },

  dequantizeScaled(codes, dims, scales, out) {
    for (let i = 0; i < codes.length; i++) out[i] = codes[i] * scales[Math.floor(i / dims)];
  },

  packBits(data, dims, out) {
    const width = Math.ceil(dims / 8);
    const offset = offsetOf(out);
    return finiteRows(data, dims, (start) => {
      let at = (start / dims) * width;
      for (let i = 0; i < dims; i += 8) {
        let byte = 0;
        for (let bit = 0; bit < 8 && i + bit < dims; bit++) {
          if (data[start + i + bit] > 0) byte |= 0x80 >> bit;
        }
        out[at++] = byte - offset;
      }
    });
  },

  unpackBits(bits, dims, out) {
    const width = Math.ceil(dims / 8);
    const offset = offsetOf(bits);
    for (let i = 0; i < out.length; i++) {
      const column = i % dims;
      const byte = bits[((i - column) / dims) * width + (column >> 3)] + offset;
      out[i] = (byte >> (7 - (column & 7))) & 1;
    }
  },
};

function offsetOf(codes: Codes): number {
  return codes instanceof Int8Array ? 128 : 0;
}

/** float32 as numpy computes it, where a range of one value has steps of 1. */
function stepsOf(ranges: Float32Array, dims: number): Float32Array {
  return Float32Array.from({ length: dims }, (_, i) => {
    return fround(fround(ranges[dims + i] - ranges[i]) / 255) || 1;
  });
}

/** Calls `visit` with each row's start and largest absolute value until a row is not finite; its number or -1. */
function finiteRows(
  data: Float32Array,
  dims: number,
  visit: (start: number, largest: number) => void,
): number {
  for (let start = 0; start < data.length; start += dims) {
    let largest = 0;
    for (let i = start; i < start + dims; i++) largest = Math.max(largest, Math.abs(data[i]));
    if (!(largest < Number.POSITIVE_INFINITY)) return start / dims;
    visit(start, largest);
  }
  return -1;
}
