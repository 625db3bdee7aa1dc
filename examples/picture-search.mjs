// Pictures like a given one: node examples/picture-search.mjs <folder> <picture>
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FlatIndex, ImageEmbedder } from 'embedlane';

const [folder = 'examples/images', picture = 'examples/images/cat-small.jpg', where = '.embedlane/pictures'] =
  process.argv.slice(2);
const model = await ImageEmbedder.load('efficientnet-lite0');
const index = existsSync(where) ? await FlatIndex.open(where) : new FlatIndex({ dims: model.dimensions });

const names = (await readdir(folder)).filter((name) => /\.(jpe?g|png|webp|gif|tiff?|avif)$/i.test(name));
const fresh = names.map((name) => join(folder, name)).filter((path) => !index.has(path));
// What cannot be read as a picture is left out, and named.
const vectors = await model.encode(fresh, { onError: 'skip' });
for (const { error } of vectors.skipped) console.error(error.message);
if (vectors.rows > 0)
  index.add(
    vectors,
    Array.from(vectors.indices, (i) => fresh[i]),
  );
if (existsSync(where)) await index.flush();
else await index.save(where);
console.log(`${index.size} pictures, ${vectors.rows} of them new`);

const hits = await index.search(await model.encode([picture]), { k: 3 });
for (const { id, score } of hits.get(0)) console.log(score.toFixed(3), id);
await index.close();
await model.close();
