import { EmbedlaneError } from '../core/errors.js';
import { Contents } from './contents.js';
import { distinctIdsArgument, type Id, idArgument, idsArgument } from './ids/id.js';
import {
  type FlatIndexOpenOptions,
  type FlatIndexOptions,
  type IndexRow,
  type IndexStats,
  openArguments,
  specArgument,
} from './options.js';
import type { SearchResult } from './result.js';
import { type RowsLike, rowsArgument } from './rows.js';
import {
  type IndexRangeOptions,
  type IndexRangeSyncOptions,
  type IndexSearchOptions,
  type IndexSearchSyncOptions,
  rangeArguments,
  search,
  searchSync,
  topKArguments,
} from './search.js';
import type { IndexDtype, IndexMetric, IndexSpec } from './spec.js';
import { type LoadedIndex, loadIndex } from './storage/load.js';
import { folderArgument, isSameFolder } from './storage/path.js';
import type { LoadOptions } from './storage/segment-reader.js';
import { verifyIndex } from './storage/verify.js';
import { lockFolder, saveIndex } from './storage/write-index.js';
import { IndexWriter } from './storage/writer.js';

/** What an index that came from a folder knows of it. */
interface Origin {
  folder: string;
  loaded: LoadedIndex;
  options: LoadOptions;
  readOnly: boolean;
}

/** Below so many removed rows, memory is not worth tidying. */
const MIN_REMOVED = 4096;

/**
 * Vectors with ids, and exact search among them: in memory, or in a folder on the disk.
 *
 * Every method but {@link save}, {@link flush}, {@link compact}, {@link verify} and {@link close} works in memory.
 * An index that was opened from a folder writes its changes there: what was changed before a call of
 * {@link flush} is on the disk when its promise resolves, whatever happens to the process afterwards.
 *
 * A search sees the rows of the moment in which it was called.
 *
 * @example
 * const index = new FlatIndex({ dims: 384 });
 * index.add(await model.encode(texts));
 * const found = await index.search(await model.encodeQuery('…'), { k: 10 });
 * found.get(0); // [{ id, score }, …]
 */
export class FlatIndex implements Iterable<IndexRow> {
  readonly #spec: IndexSpec;
  #contents: Contents;
  #origin: Origin | undefined;
  #writer: IndexWriter | undefined;
  #closed: Promise<void> | undefined;

  /** @throws {EmbedlaneError} `ERR_INVALID_ARG` */
  constructor(options: FlatIndexOptions) {
    this.#spec = specArgument(options);
    this.#contents = new Contents(this.#spec);
  }

  /**
   * Opens the index in a folder. Any number of processes may; one of them at a time may change it.
   *
   * @throws {EmbedlaneError} `ERR_IO` if there is none, `ERR_CORRUPT` if it is damaged, `ERR_VERSION` if a later
   * version wrote it, `ERR_LOCKED` if it is to be locked and is already
   */
  static async open(path: string, options?: FlatIndexOpenOptions): Promise<FlatIndex> {
    const { mode, verify, readOnly } = openArguments(options);
    const folder = folderArgument(path);
    const unlock = readOnly === false ? lockFolder(folder) : undefined;
    try {
      const loaded = await loadIndex(folder, { mode, verify });
      const { dims, metric, dtype, accelerate } = loaded.manifest;
      const index = new FlatIndex({ dims, metric, dtype, accelerate: accelerate ?? undefined });
      index.#contents.release();
      index.#contents = loaded.contents;
      index.#origin = { folder, loaded, options: { mode, verify }, readOnly: readOnly === true };
      if (unlock) index.#writer = new IndexWriter(folder, loaded, { mode, verify }, unlock);
      return index;
    } catch (error) {
      unlock?.();
      throw error;
    }
  }

  /** Number of rows. */
  get size(): number {
    return this.#open().live.count;
  }

  /** Values per row. */
  get dims(): number {
    return this.#spec.dims;
  }

  get metric(): IndexMetric {
    return this.#spec.metric;
  }

  get dtype(): IndexDtype {
    return this.#spec.dtype;
  }

  /**
   * Adds rows. Their values are copied.
   *
   * @param ids safe integers or strings (at most 1,024 characters) that are not in use, one for each row; by
   * default the integers that follow the largest one so far, from 0
   * @throws {EmbedlaneError} `ERR_INVALID_ARG` (also for NaN and infinite values), `ERR_DIMENSION`, `ERR_DTYPE`,
   * `ERR_READ_ONLY`, `ERR_LOCKED`; nothing is added then
   */
  add(embeddings: RowsLike, ids?: Iterable<Id>): void {
    const contents = this.#open();
    const matrix = rowsArgument('embeddings', embeddings, this.#spec);
    const checked = ids === undefined ? undefined : distinctIdsArgument('ids', ids, matrix.rows);
    for (const id of checked ?? []) {
      if (contents.find(id) >= 0) {
        throw new EmbedlaneError(
          'ERR_INVALID_ARG',
          `Expected new ids for ids but received ${JSON.stringify(id)}, which the index has; see upsert`,
        );
      }
    }
    if (matrix.rows === 0) return;
    this.#beforeChange();
    contents.add('embeddings', matrix, checked);
  }

  /**
   * Gives rows new values. They count as added now, where equal scores are ordered.
   *
   * @param ids ids of rows in the index, one for each new row
   * @throws {EmbedlaneError} as {@link add}, and `ERR_INVALID_ARG` for an id that the index does not have
   */
  update(embeddings: RowsLike, ids: Iterable<Id>): void {
    this.#replace(embeddings, ids, true);
  }

  /** {@link update} for ids that the index has, {@link add} for the others. */
  upsert(embeddings: RowsLike, ids: Iterable<Id>): void {
    this.#replace(embeddings, ids, false);
  }

  #replace(embeddings: RowsLike, ids: Iterable<Id>, mustExist: boolean): void {
    const contents = this.#open();
    const matrix = rowsArgument('embeddings', embeddings, this.#spec);
    const checked = distinctIdsArgument('ids', ids, matrix.rows);
    const old = checked.map((id) => contents.find(id));
    const missing = mustExist ? old.indexOf(-1) : -1;
    if (missing >= 0) {
      throw new EmbedlaneError(
        'ERR_INVALID_ARG',
        `Expected ids of the index for ids but received ${JSON.stringify(checked[missing])}`,
      );
    }
    if (matrix.rows === 0) return;
    this.#beforeChange();
    // Removed before they are added, so that the table of ids never has one twice; a failure puts them back.
    const present = old.filter((position) => position >= 0);
    for (const position of present) contents.remove(position);
    try {
      contents.add('embeddings', matrix, checked);
    } catch (error) {
      for (const position of present) contents.restore(position);
      throw error;
    }
    this.#afterRemoval(present);
  }

  /**
   * Removes rows.
   *
   * @param ids one id or several; those that the index does not have are passed over
   * @returns how many rows were removed
   * @throws {EmbedlaneError} `ERR_INVALID_ARG`, `ERR_READ_ONLY`, `ERR_LOCKED`
   */
  remove(ids: Id | Iterable<Id>): number {
    const contents = this.#open();
    const checked = typeof ids === 'object' ? idsArgument('ids', ids) : [idArgument('ids', ids)];
    const positions = new Set(checked.map((id) => contents.find(id)));
    positions.delete(-1);
    if (positions.size === 0) return 0;
    this.#beforeChange();
    for (const position of positions) contents.remove(position);
    this.#afterRemoval([...positions]);
    return positions.size;
  }

  #afterRemoval(positions: readonly number[]): void {
    if (this.#writer !== undefined) {
      for (const position of positions) this.#writer.noteRemoved(position);
      return;
    }
    const { live } = this.#contents;
    const removed = live.length - live.count;
    // Half of all rows, so that each removal pays for the move of one row.
    if (this.#origin === undefined && removed > Math.max(live.count, MIN_REMOVED)) this.#tidy();
  }

  #tidy(): void {
    const before = this.#contents;
    this.#contents = before.compacted();
    before.release();
  }

  /** Whether the index has a row with this id. */
  has(id: Id): boolean {
    return this.#open().find(idArgument('id', id)) >= 0;
  }

  /** A copy of the row with this id, or undefined if there is none. */
  get(id: Id): Float32Array | undefined {
    const contents = this.#open();
    const position = contents.find(idArgument('id', id));
    return position < 0 ? undefined : contents.vector(position);
  }

  /**
   * Finds the `k` best rows for each query, exactly: as `topK` does, with the same scores.
   *
   * @param queries copied before the call returns; cosine with a zero vector is 0
   * @throws {EmbedlaneError} `ERR_DTYPE`, `ERR_DIMENSION`, `ERR_INVALID_ARG` (also for NaN and infinite values),
   * `ERR_ABORTED`, `ERR_CLOSED`; all as rejections
   */
  async search(queries: RowsLike, options: IndexSearchOptions): Promise<SearchResult> {
    const contents = this.#open();
    return search(contents, topKArguments(contents, queries, options, true));
  }

  /** {@link search} on the calling thread (which other threads help): it returns when the search is done. */
  searchSync(queries: RowsLike, options: IndexSearchSyncOptions): SearchResult {
    const contents = this.#open();
    return searchSync(contents, topKArguments(contents, queries, options, false));
  }

  /**
   * Finds every row within a radius of each query, best first.
   *
   * @throws {EmbedlaneError} as {@link search}
   */
  async rangeSearch(queries: RowsLike, options: IndexRangeOptions): Promise<SearchResult> {
    const contents = this.#open();
    return search(contents, rangeArguments(contents, queries, options, true));
  }

  /** {@link rangeSearch} on the calling thread. */
  rangeSearchSync(queries: RowsLike, options: IndexRangeSyncOptions): SearchResult {
    const contents = this.#open();
    return searchSync(contents, rangeArguments(contents, queries, options, false));
  }

  /** The rows, in the order in which they were added. */
  *[Symbol.iterator](): IterableIterator<IndexRow> {
    const contents = this.#open();
    contents.hold();
    try {
      for (const position of contents.live.positions()) {
        yield { id: contents.ids.at(position), vector: contents.vector(position) };
      }
    } finally {
      contents.release();
    }
  }

  /** The ids, in the order in which their rows were added. */
  *ids(): IterableIterator<Id> {
    const { ids, live } = this.#open();
    for (const position of live.positions()) yield ids.at(position);
  }

  /** @internal The values of the rows of this moment, in batches. */
  values(): Iterable<Float32Array> {
    const contents = this.#open();
    return contents.values(contents.live.copy());
  }

  stats(): IndexStats {
    const { live, rows, ids } = this.#open();
    return {
      rows: live.count,
      nextId: ids.nextId,
      removed: live.length - live.count,
      memoryBytes: rows.memoryBytes,
      mappedBytes: rows.mappedBytes,
    };
  }

  /**
   * Writes the rows of this moment into a folder, as an index of their own, whole or not at all: until it is
   * complete, the folder has the index that it had before. The folder may be the one that this index came from,
   * which is then compacted.
   *
   * @param path a new or an empty folder, or one with an index
   * @throws {EmbedlaneError} `ERR_IO`, `ERR_LOCKED` if somebody is changing that index, `ERR_INVALID_ARG` for a
   * folder with other files
   */
  async save(path: string): Promise<void> {
    const contents = this.#open();
    const folder = folderArgument(path);
    if (this.#origin !== undefined && isSameFolder(folder, this.#origin.folder)) return this.compact();
    contents.hold();
    try {
      await saveIndex(folder, this.#spec, contents, contents.live.copy());
    } finally {
      contents.release();
    }
  }

  /**
   * Resolves when every change before the call is on the disk: it survives the end of the process and, as far as
   * the disk keeps its promises, a loss of power. Calls at the same time share one write. An index that did not
   * come from a folder has nothing to write.
   *
   * @throws {EmbedlaneError} `ERR_IO`; from then on the index cannot be changed on the disk any more, because what
   * is there is not known for certain. Open it again, or save it elsewhere.
   */
  async flush(): Promise<void> {
    this.#open();
    await this.#writer?.flush();
  }

  /** Gives back the space of removed rows, in memory and in the folder that the index came from. */
  async compact(): Promise<void> {
    this.#open();
    if (this.#origin === undefined) {
      this.#tidy();
      return;
    }
    this.#beforeChange();
    await this.#writer?.compact((contents) => {
      this.#contents = contents;
    });
  }

  /**
   * Reads the folder that the index came from and checks every byte of it.
   *
   * @throws {EmbedlaneError} `ERR_CORRUPT`, `ERR_IO`
   */
  async verify(): Promise<void> {
    this.#open();
    if (this.#origin !== undefined) await verifyIndex(this.#origin.folder);
  }

  /**
   * Writes what is not written yet, gives up the lock and the memory. Searches under way end as if nothing had
   * happened; every later call is an `ERR_CLOSED`, but for this one.
   *
   * @throws {EmbedlaneError} `ERR_IO` if the last changes could not be written
   */
  close(): Promise<void> {
    if (this.#closed === undefined) {
      const contents = this.#contents;
      const writer = this.#writer;
      this.#closed = writer === undefined ? Promise.resolve() : writer.close();
      if (writer === undefined) contents.release();
      else this.#closed = this.#closed.finally(() => this.#contents.release());
    }
    return this.#closed;
  }

  [Symbol.dispose](): void {
    void this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #open(): Contents {
    if (this.#closed !== undefined) throw new EmbedlaneError('ERR_CLOSED', 'The index is closed');
    return this.#contents;
  }

  /** Takes the lock of the folder, if there is one. */
  #beforeChange(): void {
    if (this.#origin === undefined || this.#writer !== undefined) return;
    const { folder, loaded, options, readOnly } = this.#origin;
    if (readOnly) {
      throw new EmbedlaneError(
        'ERR_READ_ONLY',
        'Expected an index that may be changed but it is opened readOnly',
      );
    }
    this.#writer = new IndexWriter(folder, loaded, options);
  }
}
