import type { RecordDatabase } from './database.js';

/** What the database's thread is given at its start. */
export interface DatabaseFile {
  file: string;
  readOnly: boolean;
}

/** What the thread can be asked: the methods of the database. */
export type DatabaseMethod = keyof RecordDatabase;

export interface ToDatabase {
  id: number;
  method: DatabaseMethod;
  args: unknown[];
}
