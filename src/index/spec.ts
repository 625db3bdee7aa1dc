import type { Metric } from '../native/binding.js';
import type { Acceleration, StoreDtype } from '../native/row-store.js';

/** How scores are computed; `'hamming'` counts differing bits and goes with `'b1'`. */
export type IndexMetric = Metric | 'hamming';
export const INDEX_METRICS = ['cosine', 'dot', 'l2', 'hamming'] as const satisfies readonly IndexMetric[];

/**
 * How an index stores its rows: as they are; rounded to 16-bit floats; in 8 bits with a scale for each row; or only
 * their signs. Files hold the numbers of this order.
 */
export const INDEX_DTYPES = ['f32', 'f16', 'bf16', 'i8', 'b1'] as const satisfies readonly StoreDtype[];
export type IndexDtype = (typeof INDEX_DTYPES)[number];

/** Longest row. */
export const MAX_DIMS = 65_536;

/** What every row and every search of an index has in common. */
export interface IndexSpec {
  readonly dims: number;
  readonly metric: IndexMetric;
  readonly dtype: IndexDtype;
  /** What makes searches faster: `'int8'` without changing their results, `'binary'` at some cost in recall. */
  readonly accelerate: Accelerate | null;
}

export const ACCELERATIONS = ['int8', 'binary'] as const satisfies readonly Acceleration[];
export type Accelerate = (typeof ACCELERATIONS)[number];

/** Bits have the Hamming distance, and nothing else has. */
export function isMetricOf(dtype: IndexDtype, metric: IndexMetric): boolean {
  return (dtype === 'b1') === (metric === 'hamming');
}
