/** LanceDB without a vector index, which is exact: a table of fixed-size lists in a folder of its own, threads as it likes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@lancedb/lancedb';
import { KBest } from '../lib/kbest.mjs';
import { serveTopK } from '../lib/serve-topk.mjs';
import { vectorTable } from './lancedb-table.mjs';

const folder = mkdtempSync(join(tmpdir(), 'embedlane-bench-lancedb-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

let table;

serveTopK({
  async prepare(data, dims) {
    const db = await connect(folder);
    table = await db.createTable('vectors', vectorTable(data, dims));
  },
  async search({ queries, rows, dims, k, metric }) {
    const best = new KBest(rows, k);
    const query = (i) => queries.subarray(i * dims, (i + 1) * dims);
    let search = table.vectorSearch(query(0)).distanceType(metric).bypassVectorIndex().limit(k);
    for (let i = 1; i < rows; i++) search = search.addQueryVector(query(i));
    const found = await search.select(['row', '_distance', ...(rows > 1 ? ['query_index'] : [])]).toArrow();
    const column = (name) => found.getChild(name);
    const [ids, distances, queryOf] = [column('row'), column('_distance'), column('query_index')];
    for (let i = 0; i < found.numRows; i++) {
      // Both of its distances are 1 − similarity.
      best.offer(queryOf?.get(i) ?? 0, ids.get(i), 1 - distances.get(i));
    }
    return best;
  },
});
