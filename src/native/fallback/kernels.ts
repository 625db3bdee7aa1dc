/**
 * Canonical sums in TypeScript: the same float64 operations in the same order as native/kernels, hence the
 * same bits. Element i of the leading multiple of 16 goes to accumulator i mod 16; accumulators are summed by
 * halving; the rest is summed in order and added last.
 *
 * Sixteen named accumulators, not an array: the optimising compiler keeps them in registers.
 */

/** Sum of a[aStart + i] · b[bStart + i] for i < dims, in float64. */
export function dotSum(
  a: Float32Array,
  aStart: number,
  b: Float32Array,
  bStart: number,
  dims: number,
): number {
  let s0 = 0,
    s1 = 0,
    s2 = 0,
    s3 = 0,
    s4 = 0,
    s5 = 0,
    s6 = 0,
    s7 = 0;
  let s8 = 0,
    s9 = 0,
    s10 = 0,
    s11 = 0,
    s12 = 0,
    s13 = 0,
    s14 = 0,
    s15 = 0;
  let i = 0;
  for (const end = dims - (dims % 16); i < end; i += 16) {
    const p = aStart + i;
    const q = bStart + i;
    s0 += a[p] * b[q];
    s1 += a[p + 1] * b[q + 1];
    s2 += a[p + 2] * b[q + 2];
    s3 += a[p + 3] * b[q + 3];
    s4 += a[p + 4] * b[q + 4];
    s5 += a[p + 5] * b[q + 5];
    s6 += a[p + 6] * b[q + 6];
    s7 += a[p + 7] * b[q + 7];
    s8 += a[p + 8] * b[q + 8];
    s9 += a[p + 9] * b[q + 9];
    s10 += a[p + 10] * b[q + 10];
    s11 += a[p + 11] * b[q + 11];
    s12 += a[p + 12] * b[q + 12];
    s13 += a[p + 13] * b[q + 13];
    s14 += a[p + 14] * b[q + 14];
    s15 += a[p + 15] * b[q + 15];
  }
  let tail = 0;
  for (; i < dims; i++) tail += a[aStart + i] * b[bStart + i];
  return sumLanes(s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15) + tail;
}

/** Sum of (a[aStart + i] − b[bStart + i])² for i < dims, in float64. */
export function squaredL2Sum(
  a: Float32Array,
  aStart: number,
  b: Float32Array,
  bStart: number,
  dims: number,
): number {
  let s0 = 0,
    s1 = 0,
    s2 = 0,
    s3 = 0,
    s4 = 0,
    s5 = 0,
    s6 = 0,
    s7 = 0;
  let s8 = 0,
    s9 = 0,
    s10 = 0,
    s11 = 0,
    s12 = 0,
    s13 = 0,
    s14 = 0,
    s15 = 0;
  let i = 0;
  let d = 0;
  for (const end = dims - (dims % 16); i < end; i += 16) {
    const p = aStart + i;
    const q = bStart + i;
    d = a[p] - b[q];
    s0 += d * d;
    d = a[p + 1] - b[q + 1];
    s1 += d * d;
    d = a[p + 2] - b[q + 2];
    s2 += d * d;
    d = a[p + 3] - b[q + 3];
    s3 += d * d;
    d = a[p + 4] - b[q + 4];
    s4 += d * d;
    d = a[p + 5] - b[q + 5];
    s5 += d * d;
    d = a[p + 6] - b[q + 6];
    s6 += d * d;
    d = a[p + 7] - b[q + 7];
    s7 += d * d;
    d = a[p + 8] - b[q + 8];
    s8 += d * d;
    d = a[p + 9] - b[q + 9];
    s9 += d * d;
    d = a[p + 10] - b[q + 10];
    s10 += d * d;
    d = a[p + 11] - b[q + 11];
    s11 += d * d;
    d = a[p + 12] - b[q + 12];
    s12 += d * d;
    d = a[p + 13] - b[q + 13];
    s13 += d * d;
    d = a[p + 14] - b[q + 14];
    s14 += d * d;
    d = a[p + 15] - b[q + 15];
    s15 += d * d;
  }
  let tail = 0;
  for (; i < dims; i++) {
    d = a[aStart + i] - b[bStart + i];
    tail += d * d;
  }
  return sumLanes(s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15) + tail;
}

/** Sum of |a[aStart + i] − b[bStart + i]| for i < dims, in float64. */
export function l1Sum(
  a: Float32Array,
  aStart: number,
  b: Float32Array,
  bStart: number,
  dims: number,
): number {
  const lanes = new Float64Array(16);
  let i = 0;
  for (const end = dims - (dims % 16); i < end; i += 16) {
    for (let lane = 0; lane < 16; lane++) {
      lanes[lane] += Math.abs(a[aStart + i + lane] - b[bStart + i + lane]);
    }
  }
  let tail = 0;
  for (; i < dims; i++) tail += Math.abs(a[aStart + i] - b[bStart + i]);
  const [s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15] = lanes;
  return sumLanes(s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15) + tail;
}

function sumLanes(
  s0: number,
  s1: number,
  s2: number,
  s3: number,
  s4: number,
  s5: number,
  s6: number,
  s7: number,
  s8: number,
  s9: number,
  s10: number,
  s11: number,
  s12: number,
  s13: number,
  s14: number,
  s15: number,
): number {
  const a = s0 + s8 + (s4 + s12);
  const b = s1 + s9 + (s5 + s13);
  const c = s2 + s10 + (s6 + s14);
  const d = s3 + s11 + (s7 + s15);
  return a + c + (b + d);
}

/** Cosine from its float64 parts. A zero vector is similar to nothing: 0. NaN and Inf go through. */
export function cosineOf(dot: number, aSquare: number, bSquare: number): number {
  const norms = Math.sqrt(aSquare) * Math.sqrt(bSquare);
  return norms === 0 ? 0 : dot / norms;
}

/** Divides each row of `dims` values by max(‖row‖, 1e-12), in place. */
export function normalizeRows(data: Float32Array, dims: number): void {
  for (let start = 0; start < data.length; start += dims) {
    const norm = Math.sqrt(dotSum(data, start, data, start, dims));
    const factor = 1 / Math.max(norm, 1e-12);
    for (let i = start; i < start + dims; i++) data[i] *= factor;
  }
}
