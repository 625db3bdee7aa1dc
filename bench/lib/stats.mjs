/** Percentile of unsorted values by linear interpolation, `fraction` in [0, 1]. */
export function percentile(values, fraction) {
  const sorted = [...values].sort((a, b) => a - b);
  if (sorted.length === 0) return Number.NaN;
  const position = fraction * (sorted.length - 1);
  const below = Math.floor(position);
  const above = Math.ceil(position);
  return sorted[below] + (sorted[above] - sorted[below]) * (position - below);
}

export const median = (values) => percentile(values, 0.5);
export const min = (values) => Math.min(...values);
export const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * Median over rounds of `theirs[i] / ours[i]`: how many times faster `ours` is, from times.
 *
 * The ratio is taken within each round, where both ran seconds apart, so that a slow minute of a shared machine
 * hits both sides and cancels; a ratio of two medians would compare a good minute with a bad one.
 */
export function medianRatio(theirs, ours) {
  const rounds = Math.min(theirs.length, ours.length);
  return median(Array.from({ length: rounds }, (_, i) => theirs[i] / ours[i]));
}

/** Difference between the third and the first quartile, as a share of the median. */
export function spread(values) {
  return (percentile(values, 0.75) - percentile(values, 0.25)) / median(values);
}

/**
 * The power law y = c · x^exponent that fits points best, by least squares of the logarithms.
 *
 * @param {[number, number][]} points
 * @returns {{ exponent: number, factor: number }}
 */
export function powerLaw(points) {
  const logs = points.map(([x, y]) => [Math.log(x), Math.log(y)]);
  const [x, y] = [0, 1].map((i) => mean(logs.map((log) => log[i])));
  const sum = (term) => logs.reduce((total, log) => total + term(log[0] - x, log[1] - y), 0);
  const exponent = sum((dx, dy) => dx * dy) / sum((dx) => dx * dx);
  return { exponent, factor: Math.exp(y - exponent * x) };
}
