import type { Metric } from '#dist/native/binding.js';

/** Sums with Neumaier's compensation: an error of about one rounding, whatever the length. */
export function compensatedSum(terms: Iterable<number>): number {
  let sum = 0;
  let lost = 0;
  for (const term of terms) {
    const next = sum + term;
    lost += Math.abs(sum) >= Math.abs(term) ? sum - next + term : term - next + sum;
    sum = next;
  }
  return Number.isFinite(lost) ? sum + lost : sum;
}

export function exactDot(a: Float32Array, b: Float32Array): number {
  return compensatedSum(Array.from(a, (x, i) => x * b[i]));
}

/** A score in float64, written independently of the implementation. */
export function exactScore(metric: Metric | 'l1', a: Float32Array, b: Float32Array): number {
  switch (metric) {
    case 'dot':
      return exactDot(a, b);
    case 'cosine': {
      const norms = Math.sqrt(exactDot(a, a)) * Math.sqrt(exactDot(b, b));
      return norms === 0 ? 0 : exactDot(a, b) / norms;
    }
    case 'l2':
      return Math.sqrt(compensatedSum(Array.from(a, (x, i) => (x - b[i]) ** 2)));
    case 'l1':
      return compensatedSum(Array.from(a, (x, i) => Math.abs(x - b[i])));
  }
}

/** Exact search by sorting every score: best first, ties by lowest index, NaN last. */
export function exactTopK(
  queries: Float32Array,
  corpus: Float32Array,
  dims: number,
  k: number,
  metric: Metric,
) {
  const indices: number[] = [];
  const scores: number[] = [];
  for (let q = 0; q < queries.length; q += dims) {
    const query = queries.subarray(q, q + dims);
    const all = Array.from({ length: corpus.length / dims }, (_, index) => {
      const score = Math.fround(exactScore(metric, query, corpus.subarray(index * dims, (index + 1) * dims)));
      return { index, score: score + 0 };
    });
    const sign = metric === 'l2' ? 1 : -1;
    all.sort((x, y) => {
      const nans = Number(Number.isNaN(x.score)) - Number(Number.isNaN(y.score));
      if (nans !== 0) return nans;
      if (x.score !== y.score && !Number.isNaN(x.score)) return x.score < y.score ? -sign : sign;
      return x.index - y.index;
    });
    for (const { index, score } of all.slice(0, k)) {
      indices.push(index);
      scores.push(score);
    }
  }
  return { indices: Uint32Array.from(indices), scores: Float32Array.from(scores) };
}
