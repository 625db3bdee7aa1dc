import { throwIfAborted } from '../../core/abort.js';
import { Embeddings, type MatrixLike } from '../../core/embeddings.js';
import { EmbedlaneError } from '../../core/errors.js';
import { Pace } from '../../core/pace.js';
import { finiteNumber, integer, optionsObject } from '../../core/validate.js';
import { type CheckedMatrix, matrixArgument } from '../matrix.js';
import { topK } from '../topk.js';
import { chooseCentroids } from './k-means-seeds.js';
import { groupSums } from './native-work.js';
import { QUERY_CHUNK, rowChunks } from './row-chunks.js';
import { checkSearch, SEARCH_OPTIONS, type SearchOptions, threadsOf } from './search-options.js';

export interface KMeansOptions extends SearchOptions {
  /** Number of clusters, at most the rows. */
  clusters: number;
  /** Most rounds of assignment. @default 100 */
  maxIterations?: number;
  /** Ends when the centroids move less than this, relative to the data's variance, as in scikit-learn. @default 1e-4 */
  tolerance?: number;
  /** Start of the random numbers: the same seed gives the same result. @default 0 */
  seed?: number;
}

export interface KMeansResult {
  /** `[clusters, dims]` */
  centroids: Embeddings;
  /** Number of the nearest centroid of each row. */
  assignments: Uint32Array;
  /** Sum of the squared distances of the rows to their centroids. */
  inertia: number;
  iterations: number;
}

/**
 * Groups rows around centroids (Lloyd's algorithm) that start spread out (k-means++, Arthur and Vassilvitskii 2007).
 * For cosine similarity, normalise the rows first.
 *
 * Distances and sums are computed on native threads, exactly; the result does not depend on how many.
 *
 * @throws {EmbedlaneError} `ERR_DTYPE`, `ERR_DIMENSION` or `ERR_INVALID_ARG` for arguments that do not fit or values
 * that are not finite, `ERR_ABORTED` if the signal fires
 */
export async function kMeans(embeddings: MatrixLike, options: KMeansOptions): Promise<KMeansResult> {
  const known = optionsObject('options', options, [
    'clusters',
    'maxIterations',
    'tolerance',
    'seed',
    ...SEARCH_OPTIONS,
  ]);
  const search = checkSearch(known);
  const matrix = matrixArgument('embeddings', embeddings);
  integer('embeddings.rows', matrix.rows, 1, 2 ** 32 - 1);
  const clusters = integer('options.clusters', known.clusters, 1, matrix.rows);
  const maxIterations = integer('options.maxIterations', known.maxIterations ?? 100, 1, 2 ** 31);
  const tolerance = finiteNumber('options.tolerance', known.tolerance ?? 1e-4);
  const seed = integer('options.seed', known.seed ?? 0, 0, Number.MAX_SAFE_INTEGER);
  throwIfAborted(search.signal);

  const pace = new Pace(search.signal);
  const least = tolerance * (await meanVariance(matrix, search, pace));
  let centroids = await chooseCentroids(matrix, clusters, seed, threadsOf(search), pace);
  let assigned = await assign(matrix, centroids, search, pace);
  let iterations = 1;
  for (; iterations < maxIterations; iterations++) {
    const moved = await move(matrix, assigned, clusters, search, pace);
    const shift = squaredDistance(moved.data, centroids.data);
    centroids = moved;
    assigned = await assign(matrix, centroids, search, pace);
    if (shift <= least) break;
  }
  return { centroids, assignments: assigned.groups, inertia: inertiaOf(assigned), iterations };
}

interface Assignment {
  groups: Uint32Array;
  /** Euclidean distance of each row to its centroid. */
  distances: Float32Array;
}

async function assign(
  matrix: CheckedMatrix,
  centroids: Embeddings,
  search: SearchOptions,
  pace: Pace,
): Promise<Assignment> {
  const groups = new Uint32Array(matrix.rows);
  const distances = new Float32Array(matrix.rows);
  for (const chunk of rowChunks(matrix, 16 * QUERY_CHUNK)) {
    const found = await topK(chunk, centroids, { k: 1, metric: 'l2', ...search });
    groups.set(found.indices, chunk.start);
    distances.set(found.scores, chunk.start);
    if (pace.due) await pace.turn();
  }
  return { groups, distances };
}

/** The means of the groups; a group without rows moves to the row that is farthest from its own centroid. */
async function move(
  matrix: CheckedMatrix,
  { groups, distances }: Assignment,
  clusters: number,
  search: SearchOptions,
  pace: Pace,
): Promise<Embeddings> {
  const { data, dims } = matrix;
  const sums = await groupSums(matrix, groups, clusters, search);
  const counts = new Uint32Array(clusters);
  for (let row = 0; row < groups.length; row++) counts[groups[row]]++;
  const centroids = new Float32Array(clusters * dims);
  const taken = new Set<number>();
  for (let c = 0; c < clusters; c++) {
    if (counts[c] === 0) {
      const row = farthest(distances, taken);
      taken.add(row);
      centroids.set(data.subarray(row * dims, (row + 1) * dims), c * dims);
    }
    for (let d = 0; counts[c] > 0 && d < dims; d++) centroids[c * dims + d] = sums[c * dims + d] / counts[c];
    if (pace.due) await pace.turn();
  }
  return new Embeddings(centroids, clusters, dims);
}

function farthest(distances: Float32Array, taken: ReadonlySet<number>): number {
  let best = -1;
  for (let row = 0; row < distances.length; row++) {
    if (!taken.has(row) && (best < 0 || distances[row] > distances[best])) best = row;
  }
  return best;
}

/** Mean over the columns of their variance: the scale that the tolerance is relative to. */
async function meanVariance(matrix: CheckedMatrix, search: SearchOptions, pace: Pace): Promise<number> {
  const { rows, dims } = matrix;
  const sums = await groupSums(matrix, new Uint32Array(rows), 1, search);
  const mean = new Embeddings(
    Float32Array.from(sums, (sum) => sum / rows),
    1,
    dims,
  );
  const variance = inertiaOf(await assign(matrix, mean, search, pace)) / (rows * dims);
  if (!Number.isFinite(variance)) {
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      'Expected finite values for embeddings but received NaN or Infinity',
    );
  }
  return variance;
}

function inertiaOf({ distances }: Assignment): number {
  return distances.reduce((sum, distance) => sum + distance * distance, 0);
}

function squaredDistance(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, x, i) => sum + (x - b[i]) ** 2, 0);
}
