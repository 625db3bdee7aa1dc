import { Embeddings } from '../../core/embeddings.js';
import { Pace } from '../../core/pace.js';

export interface MeanFormat {
  /** Whether a mean is divided by its length, as the model does with the vectors that it is made of. */
  unit: boolean;
  truncateDim: number | undefined;
  /** Divide by the length, last of all. */
  normalize: boolean;
  signal: AbortSignal | undefined;
}

/**
 * Means of consecutive rows, in float64.
 *
 * @param weights of the rows of each mean; a single row stays as it is
 */
export async function weightedMean(
  { data, dims }: Embeddings,
  weights: readonly (readonly number[])[],
  { unit, truncateDim = dims, normalize, signal }: MeanFormat,
): Promise<Embeddings> {
  const kept = Math.min(truncateDim, dims);
  const out = new Float32Array(weights.length * kept);
  const sums = new Float64Array(dims);
  const pace = new Pace(signal);
  let from = 0;
  for (let text = 0; text < weights.length; text++) {
    const own = weights[text];
    sums.fill(0);
    const total = own.reduce((sum, weight) => sum + weight, 0);
    for (const weight of own) {
      const share = weight / total;
      for (let d = 0; d < dims; d++) sums[d] += data[from + d] * share;
      from += dims;
    }
    if (unit && own.length > 1) scale(sums, dims);
    if (normalize) scale(sums, kept);
    out.set(sums.subarray(0, kept), text * kept);
    if (pace.due) await pace.turn();
  }
  return new Embeddings(out, weights.length, kept);
}

/** Divides the first values by their length; zeros stay zeros. */
function scale(values: Float64Array, count: number): void {
  let square = 0;
  for (let d = 0; d < count; d++) square += values[d] * values[d];
  if (square === 0) return;
  const factor = 1 / Math.sqrt(square);
  for (let d = 0; d < count; d++) values[d] *= factor;
}
