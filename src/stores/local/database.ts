import Libsql from 'libsql';
import { EmbedlaneError } from '../../core/errors.js';
import type { Include, PageRequest, WordsRequest } from '../base/engine.js';
import { compareCodePoints } from '../filter/evaluate.js';
import type { FilterNode } from '../filter/expression.js';
import type { CollectionInfo, Metadata } from '../types.js';
import { countBits, hasBit, rowsOf } from './bits.js';
import { BlockTable } from './block-table.js';
import { Columns } from './columns.js';
import { createSchema, FORMAT_VERSION, sqliteError } from './schema.js';
import { anyWordQuery, spacedWords } from './words.js';

/** A record without its vector, which is row `row` of the index. */
export interface RowRecord {
  row: number;
  id: string;
  document: string | undefined;
  metadata: Metadata;
}

/** A record as it is read. */
export interface FoundRow {
  row: number;
  id: string;
  document?: string;
  metadata?: Metadata;
}

type Stored = [row: number, id: string, document: string | null, metadata: string | null];

/**
 * Documents and metadata of a local store, in SQLite: what is committed here is what the store holds. It runs in a
 * thread of its own, because SQLite's calls are synchronous.
 */
export class RecordDatabase {
  readonly #file: string;
  readonly #db: Libsql.Database;
  readonly #statements = new Map<string, Libsql.Statement>();
  readonly #blocks: BlockTable;
  #columns: Columns | undefined;
  #version = -1;

  constructor(file: string, readOnly: boolean) {
    this.#file = file;
    this.#db = new Libsql(file);
    this.#blocks = new BlockTable(this.#db);
    this.#guard(() => {
      this.#db.exec('PRAGMA busy_timeout = 10000');
      this.#db.exec('PRAGMA synchronous = FULL');
      if (readOnly) this.#db.exec('PRAGMA query_only = 1');
    });
  }

  close(): void {
    this.#db.close();
  }

  /** What collection this is, or undefined if none has been made yet. */
  info(): CollectionInfo | undefined {
    return this.#guard(() => {
      const [[version]] = this.#all<[number]>('PRAGMA user_version');
      if (version === 0) return undefined;
      if (version > FORMAT_VERSION) {
        throw new EmbedlaneError(
          'ERR_VERSION',
          `Expected version ${FORMAT_VERSION} of ${this.#file} but received ${version}`,
        );
      }
      const [[info]] = this.#all<[string]>('SELECT info FROM collection');
      return JSON.parse(info) as CollectionInfo;
    });
  }

  create(info: CollectionInfo): void {
    this.#change(() => createSchema(this.#db, JSON.stringify(info)));
  }

  /** What opening asks for, in one answer. */
  state(): { info: CollectionInfo; version: number; count: number } | undefined {
    const info = this.info();
    return info && { info, version: this.version(), count: this.count(undefined) };
  }

  /** Changes when another process has changed the database. */
  version(): number {
    return this.#guard(() => this.#all<[number]>('PRAGMA data_version')[0][0]);
  }

  count(filter: FilterNode | undefined): number {
    if (filter !== undefined) return countBits(this.#guard(() => this.#current().matchLive(filter)));
    return this.#guard(() => this.#all<[number]>('SELECT records FROM collection')[0][0]);
  }

  /** The rows that match, as bits; maybe some that are no records any more. */
  match(filter: FilterNode): Uint8Array {
    return this.#guard(() => this.#current().match(filter));
  }

  rows(): Float64Array {
    return this.#guard(() => Float64Array.from(this.#rowNumbers()));
  }

  /** Stores records, in one transaction; returns the rows that they replace. */
  write(records: readonly RowRecord[]): number[] {
    const removed = this.#change(() => {
      const replaced = this.#removeIds(records.map(({ id }) => id));
      const insert = this.#prepare('INSERT INTO records (row, id, document, metadata) VALUES (?, ?, ?, ?)');
      const index = this.#prepare('INSERT INTO words (rowid, document) VALUES (?, ?)');
      for (const { row, id, document, metadata } of records) {
        insert.run(row, id, document ?? null, JSON.stringify(metadata));
        if (document !== undefined) index.run(row, spacedWords(document));
      }
      this.#prepare('UPDATE collection SET records = records + ?').run(records.length - replaced.length);
      const last = records.at(-1);
      if (last !== undefined) this.#blocks.cover(last.row + 1);
      return replaced;
    });
    this.#updateColumns(records, removed);
    return removed;
  }

  /** Deletes by ids or by filter; returns the rows that went. */
  delete(what: readonly string[] | FilterNode): number[] {
    const removed = this.#change(() => {
      const rows =
        'kind' in what ? this.#removeRows(rowsOf(this.#current().matchLive(what))) : this.#removeIds(what);
      this.#prepare('UPDATE collection SET records = records - ?').run(rows.length);
      return rows;
    });
    this.#updateColumns([], removed);
    return removed;
  }

  /** Gives back space of records that were deleted. */
  tidy(): void {
    this.#change(() => this.#blocks.tidy());
  }

  byIds(ids: readonly string[], include: Include): FoundRow[] {
    return this.#pick(`WHERE id = ?`, ids, include);
  }

  /** Records by row; rows that are gone are left out. */
  byRows(rows: readonly number[], include: Include): FoundRow[] {
    return this.#pick(`WHERE row = ?`, rows, include);
  }

  page({ after, size, filter, include }: PageRequest): FoundRow[] {
    const allowed = filter && this.match(filter);
    return this.#guard(() => {
      const found: FoundRow[] = [];
      const sql = `${select(include)} WHERE id > ? ORDER BY id`;
      for (const stored of this.#iterate<Stored>(sql, after ?? '')) {
        if (allowed !== undefined && !hasBit(allowed, stored[0])) continue;
        found.push(toRecord(stored, include));
        if (found.length === size) break;
      }
      return found;
    });
  }

  /** The records whose documents match the words best (BM25), best first. */
  matchWords({ words, k, filter, include }: WordsRequest): FoundRow[] {
    const query = anyWordQuery(words);
    if (query === undefined) return [];
    const allowed = filter && this.match(filter);
    return this.#guard(() => {
      const ranked: { row: number; rank: number }[] = [];
      const sql = 'SELECT rowid, rank FROM words WHERE words MATCH ? ORDER BY rank';
      for (const [row, rank] of this.#iterate<[number, number]>(sql, query)) {
        if (allowed !== undefined && !hasBit(allowed, row)) continue;
        // Equal ranks are ordered by id below, so all of the last one's are needed.
        if (ranked.length >= k && rank !== ranked[ranked.length - 1].rank) break;
        ranked.push({ row, rank });
      }
      const ranks = new Map(ranked.map(({ row, rank }) => [row, rank]));
      const rank = ({ row }: FoundRow) => ranks.get(row) as number;
      const records = this.#pick(
        'WHERE row = ?',
        ranked.map(({ row }) => row),
        include,
      );
      return records.sort((a, b) => rank(a) - rank(b) || compareCodePoints(a.id, b.id)).slice(0, k);
    });
  }

  #pick(where: string, keys: readonly (number | string)[], include: Include): FoundRow[] {
    return this.#snapshot(() => {
      const statement = this.#prepare(`${select(include)} ${where}`).raw(true);
      return keys.flatMap((key) => {
        const stored = statement.get(key) as Stored | undefined;
        return stored === undefined ? [] : [toRecord(stored, include)];
      });
    });
  }

  #removeIds(ids: readonly string[]): number[] {
    const find = this.#prepare('SELECT row FROM records WHERE id = ?').raw(true);
    return this.#removeRows(
      ids.flatMap((id) => {
        const found = find.get(id) as [number] | undefined;
        return found === undefined ? [] : [found[0]];
      }),
    );
  }

  #removeRows(rows: Iterable<number>): number[] {
    const remove = this.#prepare('DELETE FROM records WHERE row = ?');
    const forget = this.#prepare('DELETE FROM words WHERE rowid = ?');
    return Array.from(rows, (row) => {
      remove.run(row);
      forget.run(row);
      return row;
    });
  }

  /** After the commit, when nothing may fail any more: what cannot be kept up to date is read again. */
  #updateColumns(added: readonly RowRecord[], removed: readonly number[]): void {
    try {
      this.#columns?.apply(added, removed);
    } catch {
      this.#columns = undefined;
    }
  }

  /** The columns, unless another process has changed the records since they were read. */
  #current(): Columns {
    const version = this.version();
    if (this.#columns === undefined || version !== this.#version) {
      this.#version = version;
      const columns = new Columns({
        rowLimit: () => (this.#all<[number | null]>('SELECT max(row) FROM records')[0][0] ?? -1) + 1,
        rows: () => this.#rowNumbers(),
        blocks: (field) => this.#blocks.of(field),
        covered: () => this.#blocks.covered(),
        values: (field, start, end) => this.#blocks.values(field, start, end),
      });
      this.#columns = columns;
    }
    return this.#columns;
  }

  /** All rows, many with one call: calls of SQLite cost more than the rows. */
  *#rowNumbers(): Generator<number> {
    const sql =
      'SELECT group_concat(row) FROM (SELECT row FROM records WHERE row >= ? ORDER BY row LIMIT 4096)';
    const read = this.#prepare(sql).raw(true);
    for (let start = 0; ; ) {
      const [joined] = read.get(start) as [string | number | null];
      if (joined === null) return;
      for (const row of String(joined).split(',')) {
        start = Number(row) + 1;
        yield start - 1;
      }
    }
  }

  #prepare(sql: string): Libsql.Statement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #all<T>(sql: string): T[] {
    return this.#prepare(sql).raw(true).all() as T[];
  }

  #iterate<T>(sql: string, ...values: unknown[]): IterableIterator<T> {
    // Not from the cache: an iteration that was left early keeps its statement busy.
    return this.#db
      .prepare(sql)
      .raw(true)
      .iterate(...values) as IterableIterator<T>;
  }

  /** Several statements see the same records, whatever another process changes meanwhile. */
  #snapshot<T>(work: () => T): T {
    return this.#guard(() => this.#transaction('BEGIN', work));
  }

  #change<T>(work: () => T): T {
    return this.#guard(() => {
      try {
        return this.#transaction('BEGIN IMMEDIATE', work);
      } catch (error) {
        // A commit that fails may have been one.
        this.#columns = undefined;
        throw error;
      }
    });
  }

  #transaction<T>(begin: 'BEGIN' | 'BEGIN IMMEDIATE', work: () => T): T {
    this.#prepare(begin).run();
    try {
      const result = work();
      this.#prepare('COMMIT').run();
      return result;
    } catch (error) {
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw sqliteError(this.#file, error);
    }
  }
}

function select({ document, metadata }: Include): string {
  return `SELECT row, id, ${document ? 'document' : 'NULL'}, ${metadata ? 'metadata' : 'NULL'} FROM records`;
}

function toRecord([row, id, document, metadata]: Stored, include: Include): FoundRow {
  const record: FoundRow = { row, id };
  if (include.document && document !== null) record.document = document;
  if (include.metadata) record.metadata = JSON.parse(metadata ?? '{}') as Metadata;
  return record;
}
