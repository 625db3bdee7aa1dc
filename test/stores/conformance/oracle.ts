import type { Metadata, StoreFilter, StoreMetric } from 'embedlane/stores';

// What stores have to answer, computed the plainest way and from nothing that the stores use.

/** Whether a record's metadata passes a filter. */
export function matches(metadata: Metadata, filter: StoreFilter): boolean {
  if ('and' in filter) return filter.and.every((part) => matches(metadata, part));
  if ('or' in filter) return filter.or.some((part) => matches(metadata, part));
  if ('not' in filter) return !matches(metadata, filter.not);
  const value = Object.hasOwn(metadata, filter.field) ? metadata[filter.field] : undefined;
  if ('eq' in filter) return value === filter.eq;
  if ('ne' in filter) return value !== filter.ne;
  if ('in' in filter) return filter.in.some((item) => item === value);
  if ('contains' in filter) return Array.isArray(value) && value.some((item) => item === filter.contains);
  const bounds: [string, number | string | undefined, (order: number) => boolean][] = [
    ['gt', filter.gt, (order) => order > 0],
    ['gte', filter.gte, (order) => order >= 0],
    ['lt', filter.lt, (order) => order < 0],
    ['lte', filter.lte, (order) => order <= 0],
  ];
  return bounds.every(([, bound, passes]) => {
    if (bound === undefined) return true;
    if (typeof value === 'number' && typeof bound === 'number') {
      return passes(value < bound ? -1 : Number(value > bound));
    }
    return typeof value === 'string' && typeof bound === 'string' && passes(byteOrder(value, bound));
  });
}

/** Order of the UTF-8 bytes. */
export function byteOrder(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** The score of two vectors in float64. */
export function score(metric: StoreMetric, a: ArrayLike<number>, b: ArrayLike<number>): number {
  let dot = 0;
  let aa = 0;
  let bb = 0;
  let distance = 0;
  let bits = 0;
  for (let i = 0; i < a.length; i++) {
    dot += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
    distance += (a[i] - b[i]) ** 2;
    bits += Number(a[i] > 0 !== b[i] > 0);
  }
  return { dot, cosine: dot / Math.sqrt(aa * bb), l2: Math.sqrt(distance), hamming: bits }[metric];
}

export interface OracleHit {
  id: string;
  score: number;
}

/** All records, best first, equal scores by id. */
export function ranking(
  records: readonly { id: string; vector: ArrayLike<number>; metadata: Metadata }[],
  query: ArrayLike<number>,
  metric: StoreMetric,
  filter: StoreFilter = { and: [] },
): OracleHit[] {
  const sign = metric === 'l2' || metric === 'hamming' ? 1 : -1;
  return records
    .filter(({ metadata }) => matches(metadata, filter))
    .map(({ id, vector }) => ({ id, score: score(metric, query, vector) }))
    .sort((a, b) => sign * (a.score - b.score) || byteOrder(a.id, b.id));
}
