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
 * "Eigenfaces for recognition", 1991). Undefined where rows span fewer axes than are wanted.
 */
async function axesOfRows(
  { data, rows, dims }: CheckedMatrix,
  mean: Float64Array,
  count: number,
  search: SearchOptions,
): Promise<PrincipalAxes | undefined> {
  const columns = new Float32Array(data.length);
  for (let d = 0; d < dims; d++) {
    for (let r = 0; r < rows; r++) columns[d * rows + r] = data[r * dims + d] - mean[d];
  }
  const turned = { data: columns, rows: dims, dims: rows } as CheckedMatrix;
  const products = await scatterMatrix(turned, new Float64Array(rows), search);
  const { values, vectors } = await symmetricEigen(products, rows, count, search);
  if (!(values[count - 1] > LEAST_SHARE * values[0])) return undefined;
  const pace = new Pace(search.signal);
  const axes = new Float64Array(count * dims);
  for (let c = 0; c < count; c++) {
    const scale = 1 / Math.sqrt(values[c]);
    const weights = vectors.subarray(c * rows, (c + 1) * rows).map((x) => x * scale);
    for (let d = 0; d < dims; d++) {
      let sum = 0;
      for (let r = 0; r < rows; r++) sum += weights[r] * columns[d * rows + r];
      axes[c * dims + d] = sum;
    }
    if (pace.due) await pace.turn();
  }
  return { squares: values, axes };
}
