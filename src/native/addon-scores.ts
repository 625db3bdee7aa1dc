import { availableParallelism } from 'node:os';
import { DTYPES, type MatrixMetric, type NativeBinding, type VectorData } from './binding.js';

type PairFunction = 'dot' | 'cosine' | 'l2' | 'l1' | 'hamming' | 'jaccard';

/** What the binary exports to compare vectors: dtypes are numbers. */
export interface AddonScores
  extends Record<PairFunction, (a: unknown, b: unknown, dtype?: number) => number | undefined> {
  matrix(
    metric: MatrixMetric,
    a: VectorData,
    b: VectorData,
    dims: number,
    out: Float32Array,
    dtype: number,
    threads: number,
  ): void;
}

type Guard = <A extends unknown[], R>(call: (...args: A) => R) => (...args: A) => R;

/** Products of values from which a second thread finds something to do. */
const WORTH_SHARING = 2 ** 23;

function threadsFor(out: Float32Array, dims: number): number {
  return out.length * dims > WORTH_SHARING ? availableParallelism() : 1;
}

/** The binary's comparisons as {@link NativeBinding} describes them. */
export function adaptScores(
  native: AddonScores,
  guard: Guard,
): Pick<NativeBinding, keyof AddonScores | 'scores'> {
  return {
    // One closure each, and nothing around the call: these are called once per pair.
    dot: (a, b, dtype) => (dtype === undefined ? native.dot(a, b) : native.dot(a, b, DTYPES.indexOf(dtype))),
    cosine: (a, b, dtype) =>
      dtype === undefined ? native.cosine(a, b) : native.cosine(a, b, DTYPES.indexOf(dtype)),
    l2: (a, b, dtype) => (dtype === undefined ? native.l2(a, b) : native.l2(a, b, DTYPES.indexOf(dtype))),
    l1: (a, b, dtype) => (dtype === undefined ? native.l1(a, b) : native.l1(a, b, DTYPES.indexOf(dtype))),
    hamming: (a, b, dtype) =>
      dtype === undefined ? native.hamming(a, b) : native.hamming(a, b, DTYPES.indexOf(dtype)),
    jaccard: (a, b, dtype) =>
      dtype === undefined ? native.jaccard(a, b) : native.jaccard(a, b, DTYPES.indexOf(dtype)),
    scores: guard((metric, query, corpus, out) =>
      native.matrix(metric, query, corpus, query.length, out, 0, threadsFor(out, query.length)),
    ),
    matrix: guard((metric, a, b, dims, out, dtype = 'f32', threads = threadsFor(out, dims)) =>
      native.matrix(metric, a, b, dims, out, DTYPES.indexOf(dtype), threads),
    ),
  };
}
