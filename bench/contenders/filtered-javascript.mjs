/**
 * What a JavaScript programmer would write: vectors and metadata in memory, a predicate and a product for each row. The
 * vectors are normalised, so that a product is all that a row costs.
 */
import { KBest } from '../lib/kbest.mjs';
import { metadataOf, serveFiltered } from '../lib/serve-filtered.mjs';

let data;
let dims;
let metadata;

function normalize(rows) {
  for (let at = 0; at < rows.length; at += dims) {
    let sum = 0;
    for (let i = at; i < at + dims; i++) sum += rows[i] * rows[i];
    const scale = 1 / Math.sqrt(sum);
    for (let i = at; i < at + dims; i++) rows[i] *= scale;
  }
  return rows;
}

serveFiltered({
  load(vectors, width) {
    dims = width;
    data = normalize(vectors);
    metadata = Array.from({ length: data.length / dims }, (_, row) => metadataOf(row));
  },
  open() {},
  search(query, { passes }, k) {
    const unit = normalize(query.slice());
    const best = new KBest(1, k);
    for (let row = 0; row < metadata.length; row++) {
      if (!passes(metadata[row])) continue;
      const at = row * dims;
      let s0 = 0;
      let s1 = 0;
      let s2 = 0;
      let s3 = 0;
      for (let i = 0; i < dims; i += 4) {
        s0 += unit[i] * data[at + i];
        s1 += unit[i + 1] * data[at + i + 1];
        s2 += unit[i + 2] * data[at + i + 2];
        s3 += unit[i + 3] * data[at + i + 3];
      }
      best.offer(0, row, s0 + s1 + (s2 + s3));
    }
    return Array.from(best.indices, (row, i) => [row, best.scores[i]]);
  },
  close() {},
});
