/** sqlite-vec: a `vec0` table in a file, with metadata columns. */
import Libsql from 'libsql';
import { getLoadablePath } from 'sqlite-vec';
import { metadataOf, serveFiltered } from '../lib/serve-filtered.mjs';

const bytes = (floats) => new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
const statements = new Map();
let db;

function connect(file) {
  db = new Libsql(file);
  db.loadExtension(getLoadablePath());
  // As far as it goes: the file is larger than SQLite's own cache.
  db.exec('PRAGMA mmap_size = 8589934592');
}

serveFiltered({
  load(data, dims, file) {
    connect(file);
    db.exec(
      `CREATE VIRTUAL TABLE vectors USING vec0(vector float[${dims}] distance_metric=cosine, place integer, year integer, lang text)`,
    );
    const insert = db.prepare(
      'INSERT INTO vectors (rowid, vector, place, year, lang) VALUES (?, ?, ?, ?, ?)',
    );
    db.exec('BEGIN');
    for (let row = 0; row < data.length / dims; row++) {
      const { place, year, lang } = metadataOf(row);
      const vector = bytes(data.subarray(row * dims, (row + 1) * dims));
      insert.run(BigInt(row), vector, BigInt(place), BigInt(year), lang);
    }
    db.exec('COMMIT');
    db.close();
  },
  open: connect,
  search(query, { sql }, k) {
    let find = statements.get(sql);
    if (find === undefined) {
      find = db
        .prepare(`SELECT rowid, distance FROM vectors WHERE vector MATCH ? AND k = ? AND ${sql}`)
        .raw(true);
      statements.set(sql, find);
    }
    return find.all(bytes(query), k).map(([row, distance]) => [row, 1 - distance]);
  },
  close: () => db?.close(),
});
