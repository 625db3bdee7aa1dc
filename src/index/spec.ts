import type { Metric } from '../native/binding.js';

export const INDEX_METRICS = ['cosine', 'dot', 'l2'] as const satisfies readonly Metric[];

/** How an index stores its rows. */
export const INDEX_DTYPES = ['f32'] as const;
export type IndexDtype = (typeof INDEX_DTYPES)[number];

/** Longest row. */
export const MAX_DIMS = 65_536;

/** What every row and every search of an index has in common. */
export interface IndexSpec {
  readonly dims: number;
  readonly metric: Metric;
  readonly dtype: IndexDtype;
}
