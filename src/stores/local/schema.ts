import type Libsql from 'libsql';
import { EmbedlaneError, type ErrorCode } from '../../core/errors.js';

/** `PRAGMA user_version` of the database; 0 means that it is not complete. */
export const FORMAT_VERSION = 1;

/** Run inside a transaction, so that a collection is there whole or not at all. */
export function createSchema(db: Libsql.Database, info: string): void {
  db.exec(`
    CREATE TABLE collection (info TEXT NOT NULL, records INTEGER NOT NULL);
    CREATE TABLE records (
      row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, document TEXT, metadata TEXT NOT NULL);
    CREATE VIRTUAL TABLE words USING fts5(
      document, content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2');`);
  db.prepare('INSERT INTO collection VALUES (?, 0)').run(info);
  db.exec(`PRAGMA user_version = ${FORMAT_VERSION}`);
}

const CODES: [RegExp, ErrorCode, string][] = [
  [/^SQLITE_(BUSY|LOCKED)/, 'ERR_LOCKED', 'a database that no other process is changing'],
  [/^SQLITE_(CORRUPT|NOTADB)/, 'ERR_CORRUPT', 'an undamaged database'],
  [/^SQLITE_READONLY/, 'ERR_READ_ONLY', 'a database that may be changed'],
  [/^SQLITE_/, 'ERR_IO', 'a usable database'],
];

/** The typed error for a failed call of SQLite. */
export function sqliteError(file: string, error: unknown): unknown {
  // Only what is stored is parsed.
  if (error instanceof SyntaxError) {
    return new EmbedlaneError('ERR_CORRUPT', `Expected JSON in ${file} but received something else`, {
      cause: error,
    });
  }
  const { code, message } = error as { code?: unknown; message?: string };
  if (error instanceof EmbedlaneError || typeof code !== 'string') return error;
  const found = CODES.find(([pattern]) => pattern.test(code));
  if (found === undefined) return error;
  return new EmbedlaneError(found[1], `Expected ${found[2]} at ${file} but received ${code}: ${message}`, {
    cause: error,
  });
}
