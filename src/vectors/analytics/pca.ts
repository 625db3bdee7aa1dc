import { throwIfAborted } from '../../core/abort.js';
import { Embeddings, type MatrixLike } from '../../core/embeddings.js';
import { EmbedlaneError } from '../../core/errors.js';
import { Pace } from '../../core/pace.js';
import { float32Array, integer, optionsObject } from '../../core/validate.js';
import { loadBinding } from '../../native/load.js';
import { type CheckedMatrix, matrixArgument, requireSameDims } from '../matrix.js';
import { groupSums } from './native-work.js';
import { principalAxes } from './principal-axes.js';
import { rowChunks } from './row-chunks.js';
import { checkSearch, SEARCH_OPTIONS, type SearchOptions } from './search-options.js';

export interface PcaFitOptions extends SearchOptions {
  /** How many components to keep; at most the dimensions and the rows. @default all */
  components?: number;
}

/** What a fitted {@link PCA} is made of. */
export interface PcaParts {
  /** Mean of the rows it was fitted to. */
  mean: Float32Array;
  /** Principal axes, one unit vector per row, by falling variance. */
  components: MatrixLike;
  /** Variance along each axis, where known. */
  explainedVariance?: Float32Array;
  /** The same as a share of all variance. */
  explainedVarianceRatio?: Float32Array;
}

/** Rows whose products are computed between two looks at the event loop, if these are not more than as many products. */
const TRANSFORM_ROWS = 64;
const TRANSFORM_PRODUCTS = 2 ** 24;

/**
 * Principal component analysis with scikit-learn's conventions: rows are centred and not scaled, variances divide by
 * rows − 1, and each axis points so that its largest entry is positive.
 *
 * @example
 * const pca = await PCA.fit(embeddings, { components: 2 });
 * const points = await pca.transform(embeddings); // [rows, 2], for a plot
 */
export class PCA {
  readonly mean: Float32Array;
  readonly components: Embeddings;
  readonly explainedVariance: Float32Array | undefined;
  readonly explainedVarianceRatio: Float32Array | undefined;

  /**
   * A PCA that was fitted elsewhere, for example one that imgbeddings saved.
   *
   * @throws {EmbedlaneError} `ERR_DTYPE`, `ERR_DIMENSION` or `ERR_INVALID_ARG` for parts that do not fit
   */
  constructor(parts: PcaParts) {
    const known = optionsObject('parts', parts, [
      'mean',
      'components',
      'explainedVariance',
      'explainedVarianceRatio',
    ]);
    this.mean = float32Array('parts.mean', known.mean);
    const { data, rows, dims } = matrixArgument('parts.components', known.components as MatrixLike);
    this.components = new Embeddings(data, rows, dims);
    if (this.mean.length !== dims) {
      throw new EmbedlaneError(
        'ERR_DIMENSION',
        `Expected ${dims} values, as in parts.components, for parts.mean but received ${this.mean.length}`,
      );
    }
    this.explainedVariance = known.explainedVariance;
    this.explainedVarianceRatio = known.explainedVarianceRatio;
  }

  /**
   * Finds the axes of largest variance, on native threads. Time grows with rows × dims² and dims³, or with rows² × dims
   * and rows³ where there are fewer rows than dimensions.
   *
   * @throws {EmbedlaneError} `ERR_DTYPE`, `ERR_DIMENSION` or `ERR_INVALID_ARG` for arguments that do not fit or values
   * that are not finite, `ERR_ABORTED` if the signal fires
   */
  static async fit(embeddings: MatrixLike, options: PcaFitOptions = {}): Promise<PCA> {
    const known = optionsObject('options', options, ['components', ...SEARCH_OPTIONS]);
    const search = checkSearch(known);
    const matrix = matrixArgument('embeddings', embeddings);
    integer('embeddings.rows', matrix.rows, 2, Number.MAX_SAFE_INTEGER);
    const most = Math.min(matrix.rows, matrix.dims);
    const count = integer('options.components', known.components ?? most, 1, most);
    throwIfAborted(search.signal);

    const { rows, dims } = matrix;
    const mean = await groupSums(matrix, new Uint32Array(rows), 1, search);
    for (let d = 0; d < dims; d++) mean[d] /= rows;
    if (!mean.every(Number.isFinite)) {
      throw new EmbedlaneError(
        'ERR_INVALID_ARG',
        'Expected finite values for embeddings but received NaN or Infinity',
      );
    }
    const { squares, axes } = await principalAxes(matrix, mean, count, search);
    // Rounding leaves eigenvalues of nothing a little below zero.
    const variances = squares.map((square) => Math.max(0, square) / (rows - 1));
    const total = variances.reduce((sum, variance) => sum + variance, 0);
    const components = new Float32Array(count * dims);
    const pace = new Pace(search.signal);
    for (let c = 0; c < count; c++) {
      const axis = axes.subarray(c * dims, (c + 1) * dims);
      let largest = 0;
      for (const x of axis) if (Math.abs(x) > Math.abs(largest)) largest = x;
      const sign = largest < 0 ? -1 : 1;
      for (let d = 0; d < dims; d++) components[c * dims + d] = sign * axis[d];
      if (pace.due) await pace.turn();
    }
    return new PCA({
      mean: Float32Array.from(mean),
      components: { data: components, rows: count, dims },
      explainedVariance: Float32Array.from(variances.slice(0, count)),
      explainedVarianceRatio: Float32Array.from(variances.slice(0, count), (x) =>
        total > 0 ? x / total : 0,
      ),
    });
  }

  /**
   * Coordinates of each row along the axes.
   *
   * @returns `[rows, components]`
   * @throws {EmbedlaneError} `ERR_DTYPE`, `ERR_DIMENSION` or `ERR_INVALID_ARG` for a matrix that does not fit
   */
  async transform(embeddings: MatrixLike): Promise<Embeddings> {
    const matrix = matrixArgument('embeddings', embeddings);
    requireSameDims('embeddings', matrix, 'the fitted rows', this.components as CheckedMatrix);
    const count = this.components.rows;
    const out = new Float32Array(matrix.rows * count);
    const pace = new Pace();
    const most = Math.floor(TRANSFORM_PRODUCTS / (count * matrix.dims));
    const atATime = Math.max(1, Math.min(TRANSFORM_ROWS, most));
    for (const { data, start, rows } of rowChunks(matrix, atATime)) {
      const centered = data.map((x, i) => x - this.mean[i % matrix.dims]);
      const part = out.subarray(start * count, (start + rows) * count);
      loadBinding().matrix('dot', centered, this.components.data, matrix.dims, part);
      if (pace.due) await pace.turn();
    }
    return new Embeddings(out, matrix.rows, count);
  }
}
