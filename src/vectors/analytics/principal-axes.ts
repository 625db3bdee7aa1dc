import { Pace } from '../../core/pace.js';
import type { CheckedMatrix } from '../matrix.js';
import { scatterMatrix, symmetricEigen } from './native-work.js';
import type { SearchOptions } from './search-options.js';

/** Axes of a centred matrix by falling variance. */
export interface PrincipalAxes {
  /** Sums of squares along all axes, at least as many as were asked for; the rest of them are 0. */
  squares: Float64Array;
  /** Unit vectors, row-major `[count, dims]`; signs are arbitrary. */
  axes: Float64Array;
}

/** Below this share of the largest sum of squares, rounding decides where the rows' combinations point. */
const LEAST_SHARE = 1e-9;
/** Below this one there is nothing but rounding. */
const NO_SHARE = 1e-13;

/** The `count` axes of largest variance. Time grows with the cube of the rows or of the dimensions, whichever are fewer. */
export async function principalAxes(
  matrix: CheckedMatrix,
  mean: Float64Array,
  count: number,
  search: SearchOptions,
): Promise<PrincipalAxes> {
  const ofRows = matrix.rows < matrix.dims ? await axesOfRows(matrix, mean, count, search) : undefined;
  return ofRows ?? (await axesOfDimensions(matrix, mean, count, search));
}

async function axesOfDimensions(
  matrix: CheckedMatrix,
  mean: Float64Array,
  count: number,
  search: SearchOptions,
): Promise<PrincipalAxes> {
  const scatter = await scatterMatrix(matrix, mean, search);
  const { values, vectors } = await symmetricEigen(scatter, matrix.dims, count, search);
  return { squares: values, axes: vectors };
}

/**
 * From the rows' products with one another, whose eigenvectors say how rows combine to axes (Turk and Pentland,
 * "Eigenfaces for recognition", 1991). Centred rows span fewer axes than there are rows; any others do for the rest.
 * Undefined where the last axes have so little that they cannot be found in this way.
 */
async function axesOfRows(
  { data, rows, dims }: CheckedMatrix,
  mean: Float64Array,
  count: number,
  search: SearchOptions,
): Promise<PrincipalAxes | undefined> {
  const columns = new Float32Array(data.length);
  const pace = new Pace(search.signal);
  for (let d = 0; d < dims; d++) {
    for (let r = 0; r < rows; r++) columns[d * rows + r] = data[r * dims + d] - mean[d];
    if (pace.due) await pace.turn();
  }
  const turned = { data: columns, rows: dims, dims: rows } as CheckedMatrix;
  const products = await scatterMatrix(turned, new Float64Array(rows), search);
  const { values, vectors } = await symmetricEigen(products, rows, count, search);
  const has = (share: number) => (value: number) => value > share * values[0];
  const spanned = values.subarray(0, count).filter(has(LEAST_SHARE)).length;
  if (values.subarray(spanned, count).some(has(NO_SHARE))) return undefined;
  const axes = new Float64Array(count * dims);
  for (let c = 0; c < spanned; c++) {
    const scale = 1 / Math.sqrt(values[c]);
    const weights = vectors.subarray(c * rows, (c + 1) * rows).map((x) => x * scale);
    for (let d = 0; d < dims; d++) {
      let sum = 0;
      for (let r = 0; r < rows; r++) sum += weights[r] * columns[d * rows + r];
      axes[c * dims + d] = sum;
      if (pace.due) await pace.turn();
    }
  }
  await complete(axes, spanned, dims, pace);
  return { squares: values.map((value) => (has(NO_SHARE)(value) ? value : 0)), axes };
}

/** Makes unit vectors at right angles to the first `found`, and to one another, of the rest (Gram and Schmidt). */
async function complete(axes: Float64Array, found: number, dims: number, pace: Pace): Promise<void> {
  const count = axes.length / dims;
  /** How much of each coordinate the axes have so far. */
  const had = new Float64Array(dims);
  for (let c = 0; c < count; c++) {
    const axis = axes.subarray(c * dims, (c + 1) * dims);
    if (c >= found) {
      axis[had.indexOf(had.reduce((least, x) => Math.min(least, x), Number.POSITIVE_INFINITY))] = 1;
      // Twice is enough for right angles to within rounding (Kahan; Giraud and others, 2005).
      for (let other = 0; other < 2 * c; other++) {
        const before = axes.subarray((other % c) * dims, ((other % c) + 1) * dims);
        let product = 0;
        for (let d = 0; d < dims; d++) product += before[d] * axis[d];
        for (let d = 0; d < dims; d++) axis[d] -= product * before[d];
        if (pace.due) await pace.turn();
      }
      const length = Math.sqrt(axis.reduce((sum, x) => sum + x * x, 0));
      for (let d = 0; d < dims; d++) axis[d] /= length;
    }
    for (let d = 0; d < dims; d++) had[d] += axis[d] ** 2;
    if (pace.due) await pace.turn();
  }
}
