import { EmbedlaneError } from '../core/errors.js';
import { integer, oneOf, optionalBoolean, optionsObject } from '../core/validate.js';
import { loadBinding } from '../native/load.js';
import type { Id } from './ids/id.js';
import {
  ACCELERATIONS,
  type Accelerate,
  INDEX_DTYPES,
  INDEX_METRICS,
  type IndexDtype,
  type IndexMetric,
  type IndexSpec,
  isMetricOf,
  MAX_DIMS,
} from './spec.js';
import type { LoadOptions } from './storage/segment-reader.js';

export interface FlatIndexOptions {
  /** Values per row, 1 to 65,536. */
  dims: number;
  /** @default 'cosine', or 'hamming' for dtype 'b1' */
  metric?: IndexMetric;
  /**
   * How rows are kept: `'f32'` as they are; `'f16'` and `'bf16'` rounded; `'i8'` as bytes with a scale for each row;
   * `'b1'` as signs, one bit each. Queries are rounded alike, and scores are exact for what is kept.
   *
   * @default 'f32'
   */
  dtype?: IndexDtype;
  /**
   * For dtype `'f32'`.
   *
   * `'int8'` keeps the rows in 8 bits besides (a quarter more memory), scans those, and scores every row that their
   * error bounds leave a chance. The results are those without, row for row.
   *
   * `'binary'` keeps the rows' signs besides (a thirty-second more memory), scans those, and scores only the
   * `rescore` × `k` rows whose signs differ least from the query's: approximate, and several times faster.
   */
  accelerate?: Accelerate;
}

export interface FlatIndexOpenOptions {
  /**
   * `'mmap'`: the rows stay in the file and the operating system reads what is touched; opens in milliseconds.
   * `'memory'`: they are read and checked; for files that others may truncate, as on a network.
   *
   * @default 'mmap'
   */
  mode?: 'mmap' | 'memory';
  /**
   * `'full'`: every byte is checked before anything else. `'lazy'`: everything but the rows, of which a few blocks are;
   * the others are checked in the background once rows are read, and calls that read rows fail with `ERR_CORRUPT` from
   * the moment when damage is found.
   *
   * @default 'lazy'
   */
  verify?: 'lazy' | 'full';
  /**
   * `true`: changes are refused. `false`: the index is locked for writing now. By default it is locked by the
   * first change.
   */
  readOnly?: boolean;
}

/** One row of an index. */
export interface IndexRow {
  id: Id;
  vector: Float32Array;
}

export interface IndexStats {
  rows: number;
  /** Rows that were removed and still take space; see `compact()`. */
  removed: number;
  /** The id that the next row without a given one gets. */
  nextId: number;
  /** Bytes of rows in memory. */
  memoryBytes: number;
  /** Bytes of files that are mapped. */
  mappedBytes: number;
}

export function specArgument(options: FlatIndexOptions): IndexSpec {
  const known = optionsObject('options', options, ['dims', 'metric', 'dtype', 'accelerate']);
  const dims = integer('options.dims', known.dims, 1, MAX_DIMS);
  const dtype = oneOf('options.dtype', known.dtype ?? 'f32', INDEX_DTYPES);
  const { metric = dtype === 'b1' ? 'hamming' : 'cosine' } = known;
  oneOf('options.metric', metric, INDEX_METRICS);
  if (!isMetricOf(dtype, metric)) {
    throw new EmbedlaneError('ERR_INVALID_ARG', `Expected metric 'hamming' for dtype 'b1', and for no other`);
  }
  const accelerate = known.accelerate ?? null;
  if (accelerate !== null) oneOf('options.accelerate', accelerate, ACCELERATIONS);
  if (accelerate !== null && dtype !== 'f32') {
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected dtype 'f32' for options.accelerate but received '${dtype}'`,
    );
  }
  return { dims, metric, dtype, accelerate };
}

export function openArguments(
  options: FlatIndexOpenOptions | undefined,
): LoadOptions & { readOnly: boolean | undefined } {
  const known = optionsObject('options', options, ['mode', 'verify', 'readOnly']);
  const { verify = 'lazy', mode = 'mmap' } = known;
  oneOf('options.mode', mode, ['mmap', 'memory']);
  oneOf('options.verify', verify, ['lazy', 'full']);
  const readOnly = optionalBoolean('options.readOnly', known.readOnly);
  // The fallback cannot map files.
  return { mode: loadBinding().backend === 'native' ? mode : 'memory', verify, readOnly };
}
