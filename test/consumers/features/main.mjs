// Whatever starts a process or a thread of its own, or opens files of the package, once.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FlatIndex, ImageEmbedder, TextEmbedder } from 'embedlane';
import { aiSdkEmbeddingModel } from 'embedlane/adapters';
import { OpenAIEmbedder } from 'embedlane/providers';
import { createServer } from 'embedlane/server';
import { LocalStore } from 'embedlane/stores';
import { PCA } from 'embedlane/vectors';

const images = await ImageEmbedder.load('efficientnet-lite0');
const pictures = await images.encode([
  { data: new Uint8Array(12).fill(99), width: 2, height: 2, channels: 3 },
]);
await images.close();

const text = await TextEmbedder.load('sentence-transformers/all-MiniLM-L6-v2', { dtype: 'int8' });
const rows = await text.encode(['one', 'two', 'three', 'four']);
const { embeddings } = await aiSdkEmbeddingModel(text).doEmbed({ values: ['one'] });
if (embeddings[0].length !== rows.dims) throw new Error(`the adapter gives ${embeddings[0].length} values`);
const folder = await mkdtemp(join(tmpdir(), 'embedlane-features-'));
const store = await LocalStore.open(join(folder, 'store'), { embedder: text });
await store.create({ dims: rows.dims });
await store.upsert(['one', 'two'].map((word) => ({ id: word, text: word })));
const [hit] = await store.search('two', { k: 1 });
if (hit.id !== 'two') throw new Error(`the store finds ${hit.id}`);
await store.close();
await text.close();
const pca = await PCA.fit(rows, { components: 2 });
const { dims } = await pca.transform(rows);

const index = new FlatIndex({ dims: rows.dims });
index.add(rows);
await index.save(join(folder, 'index'));
index.close();
const again = await FlatIndex.open(join(folder, 'index'), { mode: 'mmap' });
const found = (await again.search(rows, { k: 1 })).get(3)[0].id;
await again.close();
await rm(folder, { recursive: true });

const server = await createServer({ models: ['all-MiniLM-L6-v2'], host: '127.0.0.1', port: 0 });
const client = new OpenAIEmbedder({ baseURL: `${server.url}/v1`, apiKey: 'none', model: 'all-MiniLM-L6-v2' });
const remote = await client.encode(['one']);
// The pages are files of their own in the package.
const page = await fetch(server.url);
if (!page.ok) throw new Error(`the playground answers ${page.status}`);
await server.close();

console.log(pictures.rows, dims, found, remote.dims);
