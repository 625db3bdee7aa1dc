import { EmbedlaneError } from '../core/errors.js';
import { addArguments, refuseUsed, replaceArguments } from './changes.js';
import { catchUp, compacted } from './compaction.js';
import { Contents } from './contents.js';
import { type Id, idArgument, idsArgument } from './ids/id.js';
import {
  type FlatIndexOpenOptions,
  type FlatIndexOptions,
  type IndexRow,
  type IndexStats,
  openArguments,
  specArgument,
} from './options.js';
import type { SearchResult } from './result.js';
import type { RowsLike } from './rows.js';
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
import { IndexFolder } from './storage/index-folder.js';
import { folderArgument } from './storage/path.js';
import { saveIndex } from './storage/write-index.js';

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
  /** Where it was opened from. */
  #folder: IndexFolder | undefined;
  #tidying: Promise<void> | undefined;
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
    const folder = await IndexFolder.open(folderArgument(path), { mode, verify }, readOnly);
    const { manifest, contents } = folder.loaded;
    const { dims, metric, dtype, accelerate } = manifest;
    const index = new FlatIndex({ dims, metric, dtype, accelerate: accelerate ?? undefined });
    index.#contents.release();
    index.#contents = contents;
    index.#folder = folder;
    return index;
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
    const { matrix, ids: checked } = addArguments(contents, embeddings, ids);
    if (matrix.rows === 0) return;
    this.#folder?.beforeChange();
    contents.add('embeddings', matrix.rows, checked, () => contents.rows.append(matrix.data));
  }

  /**
   * {@link add} for so many rows that copying them would hold up the event loop: other threads do it. The rows are the
   * index's, behind those that were added meanwhile, when the promise resolves. `embeddings` is read until then, and
   * its ArrayBuffer is marked untransferable for good.
   *
   * @throws {EmbedlaneError} as {@link add}, as rejections
   */
  async addAsync(embeddings: RowsLike, ids?: Iterable<Id>): Promise<void> {
    const contents = this.#open();
    const checked = addArguments(contents, embeddings, ids);
    const { data, rows: count } = checked.matrix;
    if (count === 0) return;
    this.#folder?.beforeChange();
    const staged = contents.rows.stage(data);
    contents.hold();
    try {
      await staged.promise;
      const now = this.#open();
      refuseUsed(now, checked.ids);
      // Compaction may have put others in the place of the rows for which these were written.
      const append = () => (now === contents ? staged.adopt() : now.rows.append(data));
      now.add('embeddings', count, checked.ids, append);
    } finally {
      staged.discard();
      contents.release();
    }
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
    const { matrix, ids: checked, present } = replaceArguments(contents, embeddings, ids, mustExist);
    if (matrix.rows === 0) return;
    this.#folder?.beforeChange();
    // Removed before they are added, so that the table of ids never has one twice; a failure puts them back.
    for (const position of present) contents.remove(position);
    try {
      contents.add('embeddings', matrix.rows, checked, () => contents.rows.append(matrix.data));
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
    this.#folder?.beforeChange();
    for (const position of positions) contents.remove(position);
    this.#afterRemoval([...positions]);
    return positions.size;
  }

  #afterRemoval(positions: readonly number[]): void {
    if (this.#folder !== undefined) {
      this.#folder.noteRemoved(positions);
      return;
    }
    const { live } = this.#contents;
    const removed = live.length - live.count;
    // Half of all rows, so that each removal pays for the move of one row. If memory is short, they stay.
    if (removed > Math.max(live.count, MIN_REMOVED)) {
      this.#tidy().catch(() => {});
    }
  }

  /** Gives back the memory of removed rows. */
  #tidy(): Promise<void> {
    this.#tidying ??= this.#copyLive().finally(() => {
      this.#tidying = undefined;
    });
    return this.#tidying;
  }

  async #copyLive(): Promise<void> {
    const before = this.#contents;
    const live = before.live.copy();
    if (this.#closed !== undefined || live.count === live.length) return;
    before.hold();
    try {
      const compact = await compacted(before, live, () => this.#closed !== undefined);
      if (compact === undefined) return;
      if (this.#closed !== undefined) return compact.release();
      catchUp(compact, before, live);
      this.#contents = compact;
      before.release();
    } finally {
      before.release();
    }
  }

  /** Whether the index has a row with this id. */
  has(id: Id): boolean {
    return this.#open().find(idArgument('id', id)) >= 0;
  }

  /** A copy of the row with this id, or undefined if there is none. */
  get(id: Id): Float32Array | undefined {
    const contents = this.#read();
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
    const contents = this.#read();
    return search(contents, topKArguments(contents, queries, options, true));
  }

  /** {@link search} on the calling thread (which other threads help): it returns when the search is done. */
  searchSync(queries: RowsLike, options: IndexSearchSyncOptions): SearchResult {
    const contents = this.#read();
    return searchSync(contents, topKArguments(contents, queries, options, false));
  }

  /**
   * Finds every row within a radius of each query, best first.
   *
   * @throws {EmbedlaneError} as {@link search}
   */
  async rangeSearch(queries: RowsLike, options: IndexRangeOptions): Promise<SearchResult> {
    const contents = this.#read();
    return search(contents, rangeArguments(contents, queries, options, true));
  }

  /** {@link rangeSearch} on the calling thread. */
  rangeSearchSync(queries: RowsLike, options: IndexRangeSyncOptions): SearchResult {
    const contents = this.#read();
    return searchSync(contents, rangeArguments(contents, queries, options, false));
  }

  /** The rows, in the order in which they were added. */
  *[Symbol.iterator](): IterableIterator<IndexRow> {
    const contents = this.#read();
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

  /** @internal Hands over the values of the rows of this moment, in batches, whatever happens to the index meanwhile. */
  async withValues(use: (batches: Iterable<Float32Array>) => Promise<void>): Promise<void> {
    const contents = this.#read();
    await contents.holdFor(() => use(contents.values(contents.live.copy())));
  }

  stats(): IndexStats {
    const { live, rows, ids } = this.#open();
    const { memoryBytes, mappedBytes } = rows;
    const removed = live.length - live.count;
    return { rows: live.count, nextId: ids.nextId, removed, memoryBytes, mappedBytes };
  }

  /**
   * Writes the rows of this moment into a folder, as an index of their own, whole or not at all: until it is
   * complete, the folder has the index that it had before. The folder may be the one that this index came from,
   * which is then compacted.
   *
   * @param path a new or an empty folder, or one with an index
   * @throws {EmbedlaneError} `ERR_IO`, `ERR_LOCKED` if somebody is changing that index, `ERR_INVALID_ARG` for a
   * folder with other files, `ERR_CORRUPT` if rows are damaged: they are all checked before
   */
  async save(path: string): Promise<void> {
    const contents = this.#open();
    const folder = folderArgument(path);
    if (this.#folder?.isAt(folder)) return this.compact();
    const live = contents.live.copy();
    await contents.holdFor(async () => {
      await this.#folder?.checkRows();
      await saveIndex(folder, this.#spec, contents, live);
    });
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
    await this.#folder?.flush();
  }

  /**
   * Gives back the space of removed rows, in memory and in the folder that the index came from.
   *
   * @throws {EmbedlaneError} `ERR_CORRUPT` if rows in the folder are damaged, `ERR_IO`, `ERR_READ_ONLY`, `ERR_LOCKED`
   */
  async compact(): Promise<void> {
    this.#open();
    if (this.#folder === undefined) {
      // One that is under way leaves what has been removed since it began.
      await this.#tidying?.catch(() => {});
      return this.#tidy();
    }
    await this.#folder.compact((contents) => {
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
    await this.#folder?.verify();
  }

  /**
   * Writes what is not written yet, gives up the lock and the memory. Searches under way end as if nothing had
   * happened; every later call is an `ERR_CLOSED`, but for this one.
   *
   * @throws {EmbedlaneError} `ERR_IO` if the last changes could not be written
   */
  close(): Promise<void> {
    this.#closed ??= (this.#folder?.close() ?? Promise.resolve()).finally(() => this.#contents.release());
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

  /** The same for one who reads rows. */
  #read(): Contents {
    this.#open();
    this.#folder?.beforeReading();
    return this.#contents;
  }
}
