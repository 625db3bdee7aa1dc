import type { ImageBinding, ResampleFilter, ResizeGeometry } from '../image-binding.js';
import { nearestInputs, resampleWeights, WEIGHT_BITS, type Weights } from './resample-weights.js';

const HALF = 2 ** (WEIGHT_BITS - 1);

export const image: ImageBinding = {
  resizeImage(pixels, geometry, out) {
    out.set(resize(pixels, geometry));
  },
  resizeImageToPlanes(pixels, geometry, table, out) {
    const resized = resize(pixels, geometry);
    const plane = out.length / 3;
    for (let i = 0; i < plane; i++) {
      for (let c = 0; c < 3; c++) out[c * plane + i] = table[256 * c + resized[3 * i + c]];
    }
  },
};

function resize(pixels: Uint8Array, geometry: ResizeGeometry): Uint8Array {
  const { x, y, filter } = geometry;
  if (filter === 'nearest') return nearest(pixels, geometry);
  const across = resampleWeights(x, filter);
  const down = resampleWeights(y, filter);
  return heightFirst(geometry)
    ? resampleWidth(resampleHeight(pixels, x.image, down), x.image, across)
    : resampleHeight(resampleWidth(pixels, x.image, across), x.window, down);
}

function heightFirst({ x, y, heightFirst }: ResizeGeometry): boolean {
  const height = y.canvas - y.resized;
  return heightFirst && height > 0 && height > 2 * (x.canvas - x.resized);
}

function resampleWidth(pixels: Uint8Array, width: number, { starts, counts, values }: Weights): Uint8Array {
  const rows = pixels.length / (3 * width);
  const outputs = starts.length;
  const out = new Uint8Array(3 * rows * outputs);
  for (let y = 0; y < rows; y++) {
    for (let i = 0; i < 3 * outputs; i++) {
      const output = Math.trunc(i / 3);
      const weights = values[output];
      let at = 3 * (y * width + starts[output]) + (i % 3);
      let sum = HALF;
      for (let j = 0; j < counts[output]; j++, at += 3) sum += pixels[at] * weights[j];
      out[3 * y * outputs + i] = clamped(sum);
    }
  }
  return out;
}

function resampleHeight(pixels: Uint8Array, width: number, { starts, counts, values }: Weights): Uint8Array {
  const stride = 3 * width;
  const out = new Uint8Array(stride * starts.length);
  for (let y = 0; y < starts.length; y++) {
    const weights = values[y];
    for (let i = 0; i < stride; i++) {
      let at = starts[y] * stride + i;
      let sum = HALF;
      for (let j = 0; j < counts[y]; j++, at += stride) sum += pixels[at] * weights[j];
      out[y * stride + i] = clamped(sum);
    }
  }
  return out;
}

function clamped(sum: number): number {
  return Math.min(255, Math.max(0, sum >> WEIGHT_BITS));
}

function nearest(pixels: Uint8Array, { x, y }: ResizeGeometry & { filter: ResampleFilter }): Uint8Array {
  const columns = nearestInputs(x);
  const rows = nearestInputs(y);
  const out = new Uint8Array(3 * x.window * y.window);
  rows.forEach((row, top) => {
    columns.forEach((column, left) => {
      if (row < 0 || column < 0) return;
      const from = 3 * (row * x.image + column);
      out.set(pixels.subarray(from, from + 3), 3 * (top * x.window + left));
    });
  });
  return out;
}
