// A store of passages that follows a folder: what has changed is embedded again, what is gone is deleted.
import { TextEmbedder } from 'embedlane';
import { LocalStore } from 'embedlane/stores';
import { textsOf } from './files.mjs';

/**
 * @param {string} folder whose texts are searched
 * @param {string} where the store's own folder
 */
export async function openPassages(folder, where) {
  const model = await TextEmbedder.load('all-MiniLM-L6-v2', { dtype: 'int8' });
  const store = await LocalStore.open(where, { embedder: model });
  await store.create({ dims: model.dimensions });
  const changed = await update(store, model, folder);
  return {
    store,
    changed,
    async close() {
      await store.close();
      await model.close();
    },
  };
}

async function update(store, model, folder) {
  const known = new Map();
  for await (const { metadata } of store.scroll({ include: ['metadata'] }))
    known.set(metadata.file, metadata.hash);
  let changed = 0;
  for await (const { name, text, hash } of textsOf(folder)) {
    if (known.get(name) !== hash) {
      changed++;
      const chunks = await model.chunk(text, { maxTokens: 160, overlap: 20 });
      await store.delete({ filter: { field: 'file', eq: name } });
      await store.upsert(
        chunks.map((chunk, i) => ({
          id: `${name}#${i}`,
          text: chunk.text,
          metadata: { file: name, hash, line: text.slice(0, chunk.start).split('\n').length },
        })),
      );
    }
    known.delete(name);
  }
  for (const name of known.keys()) await store.delete({ filter: { field: 'file', eq: name } });
  return changed + known.size;
}
