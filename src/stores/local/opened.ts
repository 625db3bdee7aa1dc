import { join } from 'node:path';
import { LRUCache } from 'lru-cache';
import { EmbedlaneError } from '../../core/errors.js';
import { Pace } from '../../core/pace.js';
import { FlatIndex, IdSet } from '../../index/index.js';
import type { Include } from '../base/engine.js';
import type { FilterNode } from '../filter/expression.js';
import type { CollectionInfo } from '../types.js';
import type { FoundRow } from './database.js';
import { DatabaseThread } from './database-thread.js';
import { claimFolder, hasRecords, RECORDS, VECTORS } from './folder.js';
import { HeldIndex } from './held-index.js';

/** Filters whose rows are kept until the records change. */
const KEPT_FILTERS = 8;
/** Ids of found records that are kept: asking the database's thread takes longer than a search among few rows. */
const KEPT_IDS = 4096;

/**
 * A local collection in use: rows of vectors in an index, and a database that says which of them are records.
 *
 * A row is written to the index and flushed before the database names it, and taken from the index after the database
 * has let go of it. So the index always has every row that the database names, whatever moment the process ends at; the
 * rows that it has besides are removed when the store is next opened for writing.
 */
export class OpenedCollection {
  readonly info: CollectionInfo;
  readonly database: DatabaseThread;
  readonly #folder: string;
  readonly #readOnly: boolean;
  readonly #matches = new LRUCache<string, Promise<IdSet>>({ max: KEPT_FILTERS });
  /** By row. A row keeps its record until the database lets go of it, and is then never another's. */
  readonly #ids = new LRUCache<number, string>({ max: KEPT_IDS });
  #index: HeldIndex;
  #version: number;
  /** The index of a version that is newer than {@link #version}, and being opened. */
  #newer: { version: number; index: Promise<HeldIndex> } | undefined;
  #isChanging = false;
  /** Changes that the database has been asked for. */
  #changes = 0;

  private constructor(
    folder: string,
    readOnly: boolean,
    info: CollectionInfo,
    database: DatabaseThread,
    index: FlatIndex,
    version: number,
  ) {
    this.#folder = folder;
    this.#readOnly = readOnly;
    this.info = info;
    this.database = database;
    this.#index = new HeldIndex(index);
    this.#version = version;
  }

  /** Opens what is in the folder: undefined if that is no collection. */
  static async open(folder: string, readOnly: boolean): Promise<OpenedCollection | undefined> {
    if (!(await hasRecords(folder))) return undefined;
    const database = new DatabaseThread({ file: join(folder, RECORDS), readOnly });
    // A writer's index at the same time, since starting a thread takes as long as opening one. What a reader opens has
    // to be at least as new as what the database has said.
    const early = readOnly ? undefined : openIndex(folder, readOnly).catch((error: unknown) => error);
    let index: FlatIndex | undefined;
    try {
      const state = await database.call('state');
      if (state === undefined) return await abandon(database, await early);
      const found = early === undefined ? await openIndex(folder, readOnly) : await early;
      if (!(found instanceof FlatIndex)) throw found;
      index = found;
      const { info, version, count } = state;
      const opened = new OpenedCollection(folder, readOnly, info, database, index, version);
      if (!readOnly) await opened.#recover(count);
      return opened;
    } catch (error) {
      await abandon(database, index ?? (await early));
      throw error;
    }
  }

  /** Makes an empty collection in the folder and opens it. */
  static async create(folder: string, info: CollectionInfo): Promise<OpenedCollection> {
    await claimFolder(folder);
    const { dims, metric, dtype } = info;
    if (dtype === 'sparse') throw new EmbedlaneError('ERR_DTYPE', 'Expected dense vectors');
    const index = new FlatIndex({ dims, metric, dtype, accelerate: dtype === 'f32' ? 'int8' : undefined });
    await index.save(join(folder, VECTORS));
    await index.close();
    const database = new DatabaseThread({ file: join(folder, RECORDS), readOnly: false });
    try {
      await database.call('create', info);
    } finally {
      await database.close();
    }
    return (await OpenedCollection.open(folder, false)) as OpenedCollection;
  }

  /** Works with the vectors. A reader of a folder that somebody else writes to gets them as of now. */
  async use<T>(work: (index: FlatIndex) => Promise<T>): Promise<T> {
    return (this.#readOnly ? await this.#current() : this.#index).use(work);
  }

  /** Changes so far, for {@link isBehind}. */
  get changes(): number {
    return this.#changes;
  }

  /**
   * Whether records may have got new rows since there were so many changes: what the database said before one and after
   * it does not go together.
   */
  async isBehind(index: FlatIndex, changes: number): Promise<boolean> {
    if (!this.#readOnly) return this.#changes !== changes;
    return (await this.database.call('version')) !== this.#version || this.#index.index !== index;
  }

  async #current(): Promise<HeldIndex> {
    // Asked before the files are read, so that these have at least the rows of that version.
    const version = await this.database.call('version');
    if (version === this.#version) return this.#index;
    if (this.#newer?.version !== version) {
      // One after the other, so that the newest is the last.
      const before = this.#newer?.index.catch(() => {}) ?? Promise.resolve();
      const newer = { version, index: before.then(() => this.#reopen(version)) };
      this.#newer = newer;
      const forget = () => {
        if (this.#newer === newer) this.#newer = undefined;
      };
      newer.index.then(forget, forget);
    }
    return this.#newer.index;
  }

  async #reopen(version: number): Promise<HeldIndex> {
    const index = new HeldIndex(await openIndex(this.#folder, true));
    const old = this.#index;
    this.#index = index;
    this.#version = version;
    this.#matches.clear();
    this.#ids.clear();
    await old.retire();
    return index;
  }

  /** The rows that match, as bits; maybe some that are no records any more. */
  match(filter: FilterNode): Promise<IdSet> {
    const key = JSON.stringify(filter);
    const kept = this.#matches.get(key);
    if (kept !== undefined) return kept;
    const match = this.database.call('match', filter).then((bits) => new IdSet(bits));
    this.#matches.set(key, match);
    match.catch(() => {
      if (this.#matches.get(key) === match) this.#matches.delete(key);
    });
    return match;
  }

  /** Records of rows that the index has found; those that are no records (yet, or any more) are left out. */
  async records(rows: readonly number[], include: Include): Promise<FoundRow[]> {
    if (!include.document && !include.metadata && !this.#isChanging) {
      const known = rows.flatMap((row) => this.#ids.get(row) ?? []);
      // Of a record that another process has just replaced, both rows may be known: only the database can tell.
      const isOnce = new Set(known).size === rows.length;
      if (known.length === rows.length && isOnce) return rows.map((row, i) => ({ row, id: known[i] }));
    }
    const records = await this.database.call('byRows', rows, include);
    for (const { row, id } of records) this.#ids.set(row, id);
    return records;
  }

  /**
   * Has the database change records, one change at a time.
   *
   * @param ask what it is asked, whose answer are the rows that it has let go of
   * @returns these rows, which the index still has: until it has let go of them too, a record may have two
   */
  async change(ask: (database: DatabaseThread) => Promise<number[]>): Promise<number[]> {
    // It answers in turn: who asks after this call gets what is true after the change.
    this.#matches.clear();
    this.#changes++;
    this.#isChanging = true;
    try {
      const removed = await ask(this.database);
      for (const row of removed) this.#ids.delete(row);
      return removed;
    } catch (error) {
      // It may have let go of rows nevertheless.
      this.#ids.clear();
      throw error;
    } finally {
      this.#isChanging = false;
    }
  }

  async close(): Promise<void> {
    try {
      await this.#newer?.index.catch(() => {});
      await this.#index.retire();
    } finally {
      await this.database.close();
    }
  }

  async #recover(count: number): Promise<void> {
    await this.#index.use((index) => this.#removeOrphans(index, count));
  }

  async #removeOrphans(index: FlatIndex, count: number): Promise<void> {
    if (index.size === count) return;
    const rows = new Set(await this.database.call('rows'));
    const pace = new Pace();
    const orphans: number[] = [];
    for (const id of index.ids()) {
      if (!rows.delete(id as number)) orphans.push(id as number);
      if (pace.due) await pace.turn();
    }
    if (rows.size > 0) {
      throw new EmbedlaneError(
        'ERR_CORRUPT',
        `Expected the vectors of all records in ${this.#folder} but ${rows.size} are missing`,
      );
    }
    index.remove(orphans);
    await index.flush();
  }
}

function openIndex(folder: string, readOnly: boolean): Promise<FlatIndex> {
  return FlatIndex.open(join(folder, VECTORS), { readOnly });
}

/** Closes what was opened for a collection that cannot be used. */
async function abandon(database: DatabaseThread, index: unknown): Promise<undefined> {
  if (index instanceof FlatIndex) await index.close();
  await database.close().catch(() => {});
}
