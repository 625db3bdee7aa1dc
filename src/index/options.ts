import type { Metric } from '../native/binding.js';
import type { Id } from './ids/id.js';
import type { IndexDtype } from './spec.js';

export interface FlatIndexOptions {
  /** Values per row, 1 to 65,536. */
  dims: number;
  /** @default 'cosine' */
  metric?: Metric;
  /** @default 'f32' */
  dtype?: IndexDtype;
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
   * `'lazy'`: everything but the rows is checked; the rows are by `verify()`. `'full'`: the rows too.
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
  /** Bytes of rows in memory. */
  memoryBytes: number;
  /** Bytes of files that are mapped. */
  mappedBytes: number;
}
