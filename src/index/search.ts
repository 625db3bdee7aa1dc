import { availableParallelism } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { abortError, throwIfAborted } from '../core/abort.js';
import { EmbedlaneError, invalidArgument } from '../core/errors.js';
import { integer, optionalSignal, optionsObject } from '../core/validate.js';
import type { FoundRows, StoreSearch } from '../native/row-store.js';
import type { Bitmap } from './bitmap.js';
import { type Contents, MAX_ROWS, refuseNonFinite } from './contents.js';
import {
  allowedRows,
  allowedRowsSync,
  type CheckedFilter,
  type Filter,
  filterArgument,
  isQuick,
} from './filter.js';
import { SearchResult } from './result.js';
import { type RowsLike, rowsArgument } from './rows.js';
import type { IndexSpec } from './spec.js';

const MAX_THREADS = 128;
/** Values of rows that pass a filter, times queries: this thread has done with them before another one wakes up. */
const QUICK_VALUES = 2 ** 19;

interface CommonOptions {
  /** Only these rows. */
  filter?: Filter;
  /**
   * Threads to search with, at most 128. The result does not depend on it.
   *
   * @default os.availableParallelism()
   */
  threads?: number;
}

export interface IndexSearchSyncOptions extends CommonOptions {
  /** How many rows to find per query, at least 1; more than there are means all. */
  k: number;
  /** Only rows whose score is at least this; for distances (`'l2'`, `'hamming'`), at most this. */
  radius?: number;
  /**
   * For an index with `accelerate: 'binary'`: how many rows get their score for each one that is to be found, at most
   * 10,000. More find more; when all rows would be candidates, the search is exact.
   *
   * @default 10
   */
  rescore?: number;
}

/** Candidates for each row that is to be found, where signs are scanned. */
const DEFAULT_RESCORE = 10;
const MAX_RESCORE = 10_000;

export interface IndexSearchOptions extends IndexSearchSyncOptions {
  /** Stops the search; the promise rejects with `ERR_ABORTED`. */
  signal?: AbortSignal;
}

export interface IndexRangeSyncOptions extends CommonOptions {
  /** Rows whose score is at least this; for distances (`'l2'`, `'hamming'`), at most this. */
  radius: number;
}

export interface IndexRangeOptions extends IndexRangeSyncOptions {
  /** Stops the search; the promise rejects with `ERR_ABORTED`. */
  signal?: AbortSignal;
}

/** A search whose arguments have been checked. */
interface CheckedSearch {
  rows: number;
  queries: Float32Array<ArrayBuffer>;
  k: number;
  radius: number | null;
  rescore: number;
  threads: number;
  filter: CheckedFilter | undefined;
  signal: AbortSignal | undefined;
}

const K_OPTIONS = ['k', 'radius', 'rescore', 'filter', 'threads'] as const;
const RANGE_OPTIONS = ['radius', 'filter', 'threads'] as const;

export function topKArguments(
  contents: Contents,
  queries: RowsLike,
  options: IndexSearchOptions,
  asynchronous: boolean,
): CheckedSearch {
  const known = optionsObject('options', options, asynchronous ? [...K_OPTIONS, 'signal'] : K_OPTIONS);
  const k = integer('options.k', known.k, 1, MAX_ROWS);
  if (known.rescore !== undefined) {
    integer('options.rescore', known.rescore, 1, MAX_RESCORE);
    if (contents.spec.accelerate !== 'binary') {
      throw new EmbedlaneError(
        'ERR_INVALID_ARG',
        "Expected options.rescore only for an index with accelerate 'binary'",
      );
    }
  }
  return check(contents, queries, { ...known, rescore: known.rescore ?? DEFAULT_RESCORE, k });
}

export function rangeArguments(
  contents: Contents,
  queries: RowsLike,
  options: IndexRangeOptions,
  asynchronous: boolean,
): CheckedSearch {
  const known = optionsObject(
    'options',
    options,
    asynchronous ? [...RANGE_OPTIONS, 'signal'] : RANGE_OPTIONS,
  );
  if (known.radius === undefined) throw invalidArgument('options.radius', 'a number', undefined);
  return check(contents, queries, { ...known, k: MAX_ROWS });
}

function check(contents: Contents, queries: RowsLike, options: IndexSearchOptions): CheckedSearch {
  // Within a radius, all rows are to be found: candidates would leave some out.
  const { k, radius, rescore = 0, threads = Math.min(availableParallelism(), MAX_THREADS) } = options;
  if (radius !== undefined && (typeof radius !== 'number' || Number.isNaN(radius))) {
    throw invalidArgument('options.radius', 'a number', radius);
  }
  integer('options.threads', threads, 1, MAX_THREADS);
  const filter = filterArgument('options.filter', options.filter);
  const signal = optionalSignal('options.signal', options.signal);
  const { data, rows } = rowsArgument('queries', queries, contents.spec);
  refuseNonFinite('queries', contents.rows.firstUnfit(data), contents.spec.dtype);
  return { rows, queries: data, k, radius: radius ?? null, rescore, threads, filter, signal };
}

/** Searches the rows of this moment on the calling thread. */
export function searchSync(contents: Contents, search: CheckedSearch): SearchResult {
  const allowed = search.filter === undefined ? contents.live : allowedRowsSync(contents, search.filter);
  const args = storeSearch(contents.spec, search, allowed);
  const found = args === undefined ? nothing(search) : contents.rows.searchSync(args);
  return new SearchResult(search.rows, found, contents.ids);
}

/** Searches the rows of this moment, whatever happens to the index meanwhile. */
export async function search(contents: Contents, search: CheckedSearch): Promise<SearchResult> {
  const { filter, signal } = search;
  throwIfAborted(signal);
  contents.hold();
  try {
    let allowed = contents.live;
    if (filter !== undefined) {
      if (isQuick(contents, filter)) {
        allowed = allowedRowsSync(contents, filter);
      } else {
        // The caller may write to its queries once the call has returned.
        search.queries = search.queries.slice();
        allowed = await allowedRows(contents, filter, async () => {
          await setImmediate();
          throwIfAborted(signal);
        });
      }
    }
    const args = storeSearch(contents.spec, search, allowed);
    if (args === undefined) return new SearchResult(search.rows, nothing(search), contents.ids);
    if (filter !== undefined && allowed.count * search.queries.length <= QUICK_VALUES) {
      return new SearchResult(search.rows, contents.rows.searchSync({ ...args, threads: 1 }), contents.ids);
    }
    const shared = filter === undefined;
    const task = shared ? contents.searches.start(contents, args, search.rows) : contents.rows.search(args);
    signal?.addEventListener('abort', task.cancel, { once: true });
    try {
      return new SearchResult(search.rows, await task.promise, contents.ids);
    } catch (error) {
      throw signal?.aborted ? abortError(signal) : error;
    } finally {
      signal?.removeEventListener('abort', task.cancel);
    }
  } finally {
    contents.release();
  }
}

/** @returns undefined if there is nothing to search */
function storeSearch(
  { metric, accelerate }: IndexSpec,
  { rows, queries, k, radius, rescore, threads }: CheckedSearch,
  allowed: Bitmap,
): StoreSearch | undefined {
  if (rows === 0 || allowed.count === 0) return;
  const candidates = accelerate === 'binary' ? rescore * k : 0;
  return {
    queries,
    candidates: candidates < allowed.count ? candidates : 0,
    // Of bits, the Manhattan distance is Hamming's.
    metric: metric === 'hamming' ? 'l1' : metric,
    k: Math.min(k, allowed.count),
    radius,
    threads,
    rows: allowed.length,
    allowed: allowed.count === allowed.length ? null : allowed.words,
  };
}

function nothing({ rows }: CheckedSearch): FoundRows {
  return {
    offsets: new Float64Array(rows + 1),
    indices: new Uint32Array(0),
    scores: new Float32Array(0),
    scored: 0,
  };
}
