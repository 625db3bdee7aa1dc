/** sqlite-vec: a `vec0` table in memory, exact, one query and one thread at a time. It has no inner product. */
import Libsql from 'libsql';
import { getLoadablePath } from 'sqlite-vec';
import { KBest } from '../lib/kbest.mjs';
import { serveTopK } from '../lib/serve-topk.mjs';

const db = new Libsql(':memory:');
db.loadExtension(getLoadablePath());
const bytes = (floats) => new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);

let find;

serveTopK({
  prepare(data, dims) {
    db.exec(`CREATE VIRTUAL TABLE vectors USING vec0(vector float[${dims}] distance_metric=cosine)`);
    const insert = db.prepare('INSERT INTO vectors (rowid, vector) VALUES (?, ?)');
    db.exec('BEGIN');
    for (let row = 0; row < data.length / dims; row++) {
      insert.run(BigInt(row), bytes(data.subarray(row * dims, (row + 1) * dims)));
    }
    db.exec('COMMIT');
    find = db.prepare('SELECT rowid, distance FROM vectors WHERE vector MATCH ? AND k = ?').raw(true);
  },
  search({ queries, rows, dims, k }) {
    const best = new KBest(rows, k);
    for (let query = 0; query < rows; query++) {
      const found = find.all(bytes(queries.subarray(query * dims, (query + 1) * dims)), k);
      for (const [row, distance] of found) best.offer(query, row, 1 - distance);
    }
    return best;
  },
});
