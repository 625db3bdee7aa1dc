import type { ResampleFilter, ResizeAxis } from '../image-binding.js';

/** Bits behind the point of a weight: Pillow's PRECISION_BITS, 32 − 8 − 2. */
export const WEIGHT_BITS = 22;

/** What each output of a window is made of: `counts[i]` inputs from `starts[i]` on, times `values[i]`. */
export interface Weights {
  starts: Uint32Array;
  counts: Uint32Array;
  values: Int32Array[];
}

interface Kernel {
  support: number;
  value(x: number): number;
}

const KERNELS: Record<Exclude<ResampleFilter, 'nearest'>, Kernel> = {
  box: { support: 0.5, value: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, value: (x) => Math.max(0, 1 - Math.abs(x)) },
  hamming: { support: 1, value: hamming },
  bicubic: { support: 2, value: bicubic },
  lanczos: { support: 3, value: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/** Its constants are single precision in Pillow. */
function hamming(x: number): number {
  const t = Math.abs(x) * Math.PI;
  if (t === 0) return 1;
  return Math.abs(x) >= 1 ? 0 : (Math.sin(t) / t) * (Math.fround(0.54) + Math.fround(0.46) * Math.cos(t));
}

/** Keys' cubic with a = −0.5. */
function bicubic(x: number): number {
  const a = -0.5;
  const t = Math.abs(x);
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? (((t - 5) * t + 8) * t - 4) * a : 0;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
}

/** Pillow's precompute_coeffs and normalize_coeffs_8bpc for the part of the axis that the window shows. */
export function resampleWeights(axis: ResizeAxis, filter: Exclude<ResampleFilter, 'nearest'>): Weights {
  const starts = new Uint32Array(axis.window);
  const counts = new Uint32Array(axis.window);
  const values = Array.from({ length: axis.window }, (_, i) => {
    const position = axis.windowStart + i;
    if (position < 0 || position >= axis.resized) return new Int32Array(0);
    const { first, weights } = canvasWeights(axis, position, KERNELS[filter]);
    // The canvas around the image is black, so what falls on it adds nothing.
    const begin = Math.max(first, axis.offset);
    const end = Math.min(first + weights.length, axis.offset + axis.image);
    if (begin >= end) return new Int32Array(0);
    starts[i] = begin - axis.offset;
    counts[i] = end - begin;
    return Int32Array.from(weights.slice(begin - first, end - first), fixedPoint);
  });
  return { starts, counts, values };
}

function canvasWeights({ canvas, resized }: ResizeAxis, position: number, kernel: Kernel) {
  if (canvas === resized) return { first: position, weights: [1] };
  const scale = canvas / resized;
  const filterScale = Math.max(scale, 1);
  const support = kernel.support * filterScale;
  const center = (position + 0.5) * scale;
  const first = Math.max(0, Math.trunc(center - support + 0.5));
  const last = Math.min(canvas, Math.trunc(center + support + 0.5));
  const weights: number[] = [];
  let sum = 0;
  for (let x = first; x < last; x++) {
    // As Pillow writes it: another order of the terms rounds differently.
    const weight = kernel.value((x - center + 0.5) * (1 / filterScale));
    weights.push(weight);
    sum += weight;
  }
  return { first, weights: sum === 0 ? weights : weights.map((weight) => weight / sum) };
}

function fixedPoint(weight: number): number {
  return Math.trunc(weight * 2 ** WEIGHT_BITS + (weight < 0 ? -0.5 : 0.5));
}

/** For every output the input that Pillow's nearest neighbour takes, or −1 outside. */
export function nearestInputs(axis: ResizeAxis): Int32Array {
  const inputs = new Int32Array(axis.window).fill(-1);
  const scale = axis.canvas / axis.resized;
  const end = Math.min(axis.windowStart + axis.window, axis.resized);
  // Pillow adds step by step, and its rounding with it.
  let position = scale * 0.5;
  for (let i = 0; i < end; i++, position += scale) {
    const input = Math.trunc(position) - axis.offset;
    if (i >= axis.windowStart && input >= 0 && input < axis.image) inputs[i - axis.windowStart] = input;
  }
  return inputs;
}
