/** embedlane's LocalStore. */
import { LocalStore } from 'embedlane/stores';
import { metadataOf, serveFiltered } from '../lib/serve-filtered.mjs';

let store;

serveFiltered({
  async load(data, dims, folder) {
    const loading = await LocalStore.open(folder);
    await loading.create({ dims });
    function* records() {
      for (let row = 0; row < data.length / dims; row++) {
        const vector = data.subarray(row * dims, (row + 1) * dims);
        yield { id: String(row), vector, metadata: metadataOf(row) };
      }
    }
    await loading.upsert(records());
    await loading.close();
  },
  async open(folder) {
    store = await LocalStore.open(folder);
  },
  async search(query, { filter }, k) {
    const found = await store.search(query, { k, filter, include: [] });
    return found.map(({ id, score }) => [Number(id), score]);
  },
  close: () => store?.close(),
});
