import { EmbedlaneError } from '../core/errors.js';
import { loadBinding } from '../native/load.js';
import { CODE_FLOATS, codeStride, type RowStore } from '../native/row-store.js';
import { Bitmap } from './bitmap.js';
import type { Id } from './ids/id.js';
import { IdTable } from './ids/table.js';
import { SharedSearches } from './shared-search.js';
import type { IndexDtype, IndexSpec } from './spec.js';

/** Most rows that an index can hold, removed ones included: positions are 32-bit. */
export const MAX_ROWS = 2 ** 32 - 1;

/** Bytes of rows that are copied at a time, and most rows, because their ids take time too: a few milliseconds. */
export const COPY_BYTES = 4 * 2 ** 20;
const COPY_ROWS = 16_384;

/**
 * What an index holds: rows, their ids, and which of them have not been removed.
 *
 * A row's position never changes and its values are never overwritten, so a copy of `live` and the number of
 * rows are a snapshot. The rows' memory is released with the last holder.
 */
export class Contents {
  readonly spec: IndexSpec;
  readonly rows: RowStore;
  readonly ids = new IdTable();
  readonly live = new Bitmap();
  readonly searches = new SharedSearches();
  /** How often rows have been added or removed. */
  changes = 0;
  #holders = 1;

  constructor(spec: IndexSpec) {
    this.spec = spec;
    this.rows = loadBinding().createRowStore(spec.dims, spec.dtype, spec.accelerate);
  }

  /** Keeps the rows until {@link release}. */
  hold(): void {
    this.#holders++;
  }

  release(): void {
    if (--this.#holders === 0) this.rows.close();
  }

  /** Keeps the rows until what `use` begins is over. */
  async holdFor(use: () => Promise<void>): Promise<void> {
    this.hold();
    try {
      await use();
    } finally {
      this.release();
    }
  }

  /**
   * Adds rows with the given ids, of which none may be in use, or with default ids.
   *
   * @param append adds `count` rows to the store, or returns the first that is unfit
   * @throws {EmbedlaneError} `ERR_INVALID_ARG` for values that are not finite, or too many rows; nothing is
   * added then
   */
  add(name: string, count: number, ids: readonly Id[] | undefined, append: () => number): void {
    if (this.live.length + count > MAX_ROWS) {
      throw new EmbedlaneError('ERR_INVALID_ARG', `Expected at most ${MAX_ROWS} rows in an index`);
    }
    if (ids === undefined && !Number.isSafeInteger(this.ids.nextId + count)) {
      throw new EmbedlaneError('ERR_INVALID_ARG', 'Expected ids, because the default ones have run out');
    }
    refuseNonFinite(name, append(), this.spec.dtype);
    this.changes++;
    if (ids === undefined) this.ids.addSequence(count);
    else this.ids.addList(ids);
    this.live.extend(count);
  }

  find(id: Id): number {
    return this.ids.find(id, this.live);
  }

  /** Removes the row at `position`, which is live. */
  remove(position: number): void {
    this.searches.beforeRemoval();
    this.changes++;
    this.live.delete(position);
    this.ids.forget(this.ids.at(position));
  }

  /** Undoes {@link remove}. */
  restore(position: number): void {
    this.searches.beforeRemoval();
    this.changes++;
    this.live.add(position);
    this.ids.restore(this.ids.at(position), position);
  }

  /** The row at `position` as floats. */
  vector(position: number): Float32Array {
    const out = new Float32Array(this.spec.dims);
    this.rows.read(Uint32Array.of(position), out);
    return out;
  }

  /**
   * Batches of positions of live rows, each as large as is copied at a time.
   *
   * @param live which rows, usually a copy
   */
  *batches(live: Bitmap, start = 0, end = live.length): Generator<Uint32Array> {
    const size = Math.min(COPY_ROWS, Math.max(1, Math.floor(COPY_BYTES / this.rows.stride)));
    let batch = new Uint32Array(size);
    let filled = 0;
    for (const position of live.positions(start, end)) {
      batch[filled++] = position;
      if (filled < size) continue;
      yield batch;
      batch = new Uint32Array(size);
      filled = 0;
    }
    if (filled > 0) yield batch.subarray(0, filled);
  }

  /** The values of `live` rows, in batches of whole rows. */
  *values(live: Bitmap): Generator<Float32Array<ArrayBuffer>> {
    for (const positions of this.batches(live)) {
      const values = new Float32Array(positions.length * this.spec.dims);
      this.rows.read(positions, values);
      yield values;
    }
  }

  /** The rows at `positions` as they are stored; their scales where the dtype has such. */
  gather(positions: Uint32Array): StoredRows {
    const bytes = new Uint8Array(positions.length * this.rows.stride);
    const scales = hasScales(this.spec) ? new Float32Array(positions.length) : null;
    this.rows.gather(positions, bytes, scales);
    return { bytes, scales };
  }

  /** The codes of the rows at `positions`, where the store has such: see `RowStore.gatherCodes`. */
  gatherCodes(positions: Uint32Array): StoredCodes {
    const { codes } = this.rows;
    const bytes = new Uint8Array(codes === null ? 0 : positions.length * codeStride(codes, this.spec.dims));
    const floats = new Float32Array(codes === 'int8' ? positions.length * CODE_FLOATS : 0);
    if (codes !== null) this.rows.gatherCodes(positions, bytes, floats);
    return { bytes, floats };
  }

  /** Copies the rows at `positions`, with their ids, to the end of `other`. */
  copyTo(other: Contents, positions: Uint32Array): void {
    const { bytes, scales } = this.gather(positions);
    other.rows.appendStored(bytes, scales);
    other.ids.addList(Array.from(positions, (position) => this.ids.at(position)));
    other.live.extend(positions.length);
    other.changes++;
  }
}

/** Rows as stores and files hold them. */
export interface StoredRows {
  bytes: Uint8Array<ArrayBuffer>;
  scales: Float32Array<ArrayBuffer> | null;
}

/** What a store keeps of rows besides. */
export interface StoredCodes {
  bytes: Uint8Array<ArrayBuffer>;
  /** All scales, then all errors, then all norms; empty if there are none. */
  floats: Float32Array<ArrayBuffer>;
}

export const hasScales = ({ dtype }: Pick<IndexSpec, 'dtype'>) => dtype === 'i8';

/** Throws if `row`, the first one with such a value, is not -1. */
export function refuseNonFinite(name: string, row: number, dtype: IndexDtype): void {
  if (row < 0) return;
  const range = dtype === 'f16' ? ' below 65,520' : '';
  throw new EmbedlaneError(
    'ERR_INVALID_ARG',
    `Expected finite values${range} for ${name} but received NaN, Infinity or a larger one in row ${row}`,
  );
}
