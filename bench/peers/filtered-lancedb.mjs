/** LanceDB: no vector index, which is exact; scalar indexes on the columns, as its documentation advises. */
import { connect, Index } from '@lancedb/lancedb';
import { metadataOf, serveFiltered } from '../lib/serve-filtered.mjs';
import { vectorTable } from './lancedb-table.mjs';

let table;

serveFiltered({
  async load(data, dims, folder) {
    const db = await connect(folder);
    const metadata = Array.from({ length: data.length / dims }, (_, row) => metadataOf(row));
    const columns = {
      place: Int32Array.from(metadata, ({ place }) => place),
      year: Int32Array.from(metadata, ({ year }) => year),
      lang: metadata.map(({ lang }) => lang),
    };
    const loading = await db.createTable('vectors', vectorTable(data, dims, columns));
    await loading.createIndex('place', { config: Index.btree() });
    await loading.createIndex('year', { config: Index.btree() });
    await loading.createIndex('lang', { config: Index.bitmap() });
  },
  async open(folder) {
    const db = await connect(folder);
    table = await db.openTable('vectors');
  },
  async search(query, { sql }, k) {
    const found = await table
      .vectorSearch(query)
      .distanceType('cosine')
      .bypassVectorIndex()
      .where(sql)
      .limit(k)
      .select(['row', '_distance'])
      .toArrow();
    const [rows, distances] = [found.getChild('row'), found.getChild('_distance')];
    return Array.from({ length: found.numRows }, (_, i) => [rows.get(i), 1 - distances.get(i)]);
  },
  close: () => table?.close(),
});
