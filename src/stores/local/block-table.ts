import type Libsql from 'libsql';
import type { Metadata, MetadataValue } from '../types.js';
import { BLOCK_ROWS, type ColumnRecord, encodeBlock } from './column-block.js';

/** What is in there never changes, because a row keeps its record for as long as it has one. */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS blocks (
    field TEXT NOT NULL, block INTEGER NOT NULL, "values" TEXT, codes BLOB NOT NULL, UNIQUE (field, block))`;

/** In place of a field's name, which is never empty: the block has been written, whatever fields it has. */
const COVERED = '';

/** Blocks that one change writes besides its own records, so that none takes long. */
const BLOCKS_AT_ONCE = 2;

/** A block as filters read it; without values where they are only in the records. */
export interface StoredBlock {
  block: number;
  values: MetadataValue[] | null;
  codes: Uint8Array;
}

/**
 * The metadata of a database's records by field, so that a filter's first use reads one field and not every record.
 * Whole blocks of rows are written when later rows follow them; the rows behind are read from the records themselves.
 */
export class BlockTable {
  readonly #db: Libsql.Database;

  constructor(db: Libsql.Database) {
    this.#db = db;
  }

  /** Blocks that have been written. */
  covered(): number {
    if (!this.#exists()) return 0;
    const last = this.#db.prepare('SELECT max(block) FROM blocks WHERE field = ?').raw(true).get(COVERED);
    return ((last as [number | null])[0] ?? -1) + 1;
  }

  /** A field's blocks, ascending. */
  *of(field: string): Generator<StoredBlock> {
    if (!this.#exists()) return;
    const sql = 'SELECT block, "values", codes FROM blocks WHERE field = ? ORDER BY block';
    for (const stored of this.#db.prepare(sql).iterate(field)) {
      // libsql iterates over blobs as ArrayBuffers, whatever its types say.
      const { block, values, codes } = stored as { block: number; values: string | null; codes: ArrayBuffer };
      const parsed: unknown = values === null ? null : JSON.parse(values);
      if (parsed !== null && !Array.isArray(parsed)) throw new SyntaxError('Expected an array of values');
      yield { block, values: parsed, codes: new Uint8Array(codes) };
    }
  }

  /** The field's values as JSON, of the records `start` to `end` that have it. */
  values(field: string, start: number, end: number): Iterable<[row: number, json: string]> {
    const sql = `SELECT row, metadata -> ?3 AS value FROM records WHERE row >= ?1 AND row < ?2 AND value IS NOT NULL`;
    return this.#db.prepare(sql).raw(true).iterate(start, end, `$."${field}"`) as Iterable<[number, string]>;
  }

  /** Writes blocks of rows before row `limit`, at which the next record will be. Part of a transaction. */
  cover(limit: number): void {
    const first = this.covered();
    const end = Math.min(Math.floor(limit / BLOCK_ROWS), first + BLOCKS_AT_ONCE);
    if (first < end) this.#db.exec(SCHEMA);
    for (let block = first; block < end; block++) {
      const insert = this.#db.prepare(
        'INSERT INTO blocks (field, block, "values", codes) VALUES (?, ?, ?, ?)',
      );
      insert.run(COVERED, block, null, new Uint8Array(0));
      for (const [field, { values, codes }] of encodeBlock(block, this.#records(block))) {
        insert.run(field, block, values, codes);
      }
    }
  }

  /** Removes blocks of which no record is left. Part of a transaction. */
  tidy(): void {
    if (!this.#exists()) return;
    this.#db
      .prepare(
        `DELETE FROM blocks WHERE field <> ? AND NOT EXISTS
           (SELECT 1 FROM records WHERE row >= block * ${BLOCK_ROWS} AND row < (block + 1) * ${BLOCK_ROWS})`,
      )
      .run(COVERED);
  }

  #exists(): boolean {
    return this.#db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'blocks'").get() !== undefined;
  }

  *#records(block: number): Generator<ColumnRecord> {
    const sql = 'SELECT row, metadata FROM records WHERE row >= ? AND row < ?';
    const read = this.#db.prepare(sql).raw(true);
    const start = block * BLOCK_ROWS;
    for (const stored of read.iterate(start, start + BLOCK_ROWS)) {
      const [row, metadata] = stored as [number, string];
      yield { row, metadata: JSON.parse(metadata) as Metadata };
    }
  }
}
