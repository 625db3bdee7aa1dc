import { availableParallelism } from 'node:os';
import { markAsUntransferable } from 'node:worker_threads';
import { abortError, throwIfAborted } from '../core/abort.js';
import { EmbedlaneError } from '../core/errors.js';
import { integer, oneOf, optionalSignal, optionsObject, typedArray } from '../core/validate.js';
import {
  type Dtype,
  MAX_COPIED_FLOATS,
  type Metric,
  type SearchMetric,
  type TopKArrays,
  type TopKTask,
  type VectorData,
} from '../native/binding.js';
import { loadBinding } from '../native/load.js';
import { type CheckedVectors, requireSameDtype, type VectorMatrix, vectorsArgument } from './elements.js';
import { askForLargePages } from './large-corpus.js';
import { requireSameDims } from './matrix.js';
import { MAX_SHARED_QUERIES, passQueue } from './pass-queue.js';

/** Metrics of {@link topK}. */
export type TopKMetric = Metric | 'hamming';

export interface TopKSyncOptions {
  /** How many rows to return per query, at least 1; more than the corpus has means all of it. */
  k: number;
  /**
   * `'cosine'` and `'dot'` are similarities: best first is largest first. `'l2'` is the Euclidean distance,
   * `'hamming'` the number of bits that differ: smallest first. Bits can only be compared by the latter.
   *
   * @default 'cosine'
   */
  metric?: TopKMetric;
  /**
   * Threads to search with, at most 128. The result does not depend on it.
   *
   * @default os.availableParallelism()
   */
  threads?: number;
}

export interface TopKOptions extends TopKSyncOptions {
  /** Stops the search within about a millisecond; the promise rejects with `ERR_ABORTED`. */
  signal?: AbortSignal;
}

/** One row found: its index in the corpus and its score. */
export interface Hit {
  index: number;
  score: number;
}

/** What a search found: `k` rows of the corpus for each query, best first, ties by lowest index. */
export class TopK {
  /** Number of queries. */
  readonly rows: number;
  /** Rows per query: the `k` asked for, or the size of the corpus if that is smaller. */
  readonly k: number;
  /** Row-major `rows × k` indices into the corpus. */
  readonly indices: Uint32Array;
  /** Row-major `rows × k` scores. */
  readonly scores: Float32Array;

  /** @internal */
  constructor(rows: number, k: number, found: TopKArrays) {
    this.rows = rows;
    this.k = k;
    this.indices = found.indices;
    this.scores = found.scores;
  }

  /** The hits of query `row`, best first. */
  get(row: number): Hit[] {
    integer('row', row, 0, this.rows - 1);
    const start = row * this.k;
    return Array.from({ length: this.k }, (_, i) => ({
      index: this.indices[start + i],
      score: this.scores[start + i],
    }));
  }
}

const METRICS = ['cosine', 'dot', 'l2', 'hamming'] as const;
const MAX_K = 2 ** 32 - 1;
const MAX_THREADS = 128;

/**
 * Finds the `k` rows of `corpus` nearest to each row of `queries`, exactly.
 *
 * A float32 filter with a proven error bound rules out what cannot be among the best; everything else gets
 * the score that {@link dot}, {@link cosine} or {@link l2} would give it, and these decide. So the result is
 * the same for every number of threads, batch size and CPU: scores best first, ties by lowest index, NaN
 * after every number. Memory does not grow with the size of the corpus.
 *
 * Searches for up to 16 queries that are asked for while another of the same corpus is under way wait for it and then
 * share one pass.
 *
 * Runs on the addon's own threads. The corpus is read in place: do not write to it (or to queries of more
 * than 2^20 values) before the promise settles. Its ArrayBuffer is marked untransferable for good, because
 * moving it to another thread would take the memory away from a search under way.
 *
 * @throws {EmbedlaneError} `ERR_DTYPE`, `ERR_DIMENSION` or `ERR_INVALID_ARG` for arguments that do not fit,
 * `ERR_ABORTED` if the signal fires; all as rejections, before anything is queued
 */
export async function topK(queries: VectorMatrix, corpus: VectorMatrix, options: TopKOptions): Promise<TopK> {
  const known = optionsObject('options', options, ['k', 'metric', 'threads', 'signal']);
  const signal = optionalSignal('options.signal', known.signal);
  const search = checkSearch(queries, corpus, known);
  throwIfAborted(signal);
  if (search.empty) return search.empty;
  if (search.queries.rows * search.queries.dims > MAX_COPIED_FLOATS)
    markAsUntransferable(search.queries.data.buffer);
  markAsUntransferable(search.corpus.data.buffer);
  askForLargePages(search.corpus.data);
  const task = startSearch(search);
  signal?.addEventListener('abort', task.cancel, { once: true });
  try {
    return new TopK(search.queries.rows, search.k, await task.promise);
  } catch (error) {
    throw signal?.aborted ? abortError(signal) : error;
  } finally {
    signal?.removeEventListener('abort', task.cancel);
  }
}

/** Starts a search, or queues a small one behind those of the same corpus, with which it then shares a pass. */
function startSearch({ queries, corpus, args }: CheckedSearch): TopKTask {
  if (queries.rows > MAX_SHARED_QUERIES) return loadBinding().topK(...args);
  const [, data, ...rest] = args;
  const key = [data.byteOffset, data.length, ...rest].join();
  const pass = (some: VectorData) => loadBinding().topK(some, data, ...rest);
  return passQueue(corpus.data.buffer, key, pass).add(queries.data, queries.rows);
}

/**
 * {@link topK} on the calling thread (which other threads help): it returns when the search is done.
 *
 * @throws {EmbedlaneError} `ERR_DTYPE`, `ERR_DIMENSION` or `ERR_INVALID_ARG` for arguments that do not fit
 */
export function topKSync(queries: VectorMatrix, corpus: VectorMatrix, options: TopKSyncOptions): TopK {
  const search = checkSearch(queries, corpus, optionsObject('options', options, ['k', 'metric', 'threads']));
  if (search.empty) return search.empty;
  askForLargePages(search.corpus.data);
  return new TopK(search.queries.rows, search.k, loadBinding().topKSync(...search.args));
}

interface CheckedSearch {
  queries: CheckedVectors;
  corpus: CheckedVectors;
  k: number;
  args: [VectorData, VectorData, dims: number, k: number, SearchMetric, threads: number, Dtype];
  /** The result where there is nothing to search. */
  empty?: TopK;
}

function checkSearch(
  queriesValue: VectorMatrix,
  corpusValue: VectorMatrix,
  options: Partial<TopKSyncOptions>,
): CheckedSearch {
  const wanted = integer('options.k', options.k, 1, MAX_K);
  const { metric = 'cosine', threads = Math.min(availableParallelism(), MAX_THREADS) } = options;
  oneOf('options.metric', metric, METRICS);
  const queries = searchArgument('queries', queriesValue, metric);
  const corpus = searchArgument('corpus', corpusValue, metric);
  integer('options.threads', threads, 1, MAX_THREADS);
  requireSameDtype('queries', queries, 'corpus', corpus);
  requireSameDims('queries', queries, 'corpus', corpus);
  integer('corpus.rows', corpus.rows, 0, MAX_K);
  const k = Math.min(wanted, corpus.rows);
  const search: CheckedSearch = {
    queries,
    corpus,
    k,
    args: [
      queries.data,
      corpus.data,
      corpus.dims,
      k,
      metric === 'hamming' ? 'l1' : metric,
      threads,
      corpus.dtype,
    ],
  };
  if (queries.rows === 0 || corpus.rows === 0) {
    const nothing = { indices: new Uint32Array(0), scores: new Float32Array(0) };
    search.empty = new TopK(queries.rows, k, nothing);
  }
  return search;
}

/** A side of a search: memory that stays where it is, and elements that the metric compares. */
function searchArgument(name: string, value: VectorMatrix, metric: TopKMetric): CheckedVectors {
  const checked = vectorsArgument(name, value, metric === 'hamming');
  if (checked.dtype === 'b1' && metric !== 'hamming') {
    throw new EmbedlaneError(
      'ERR_DTYPE',
      `Expected the metric 'hamming' for bits in ${name} but received '${metric}'`,
    );
  }
  // Native threads read it after the call has returned.
  typedArray(`${name}.data`, checked.data, checked.data.constructor as new (length: number) => VectorData);
  return checked;
}
