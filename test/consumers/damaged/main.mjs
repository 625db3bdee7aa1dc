// Uses one part of embedlane and prints what it says: node main.mjs text | tokens | image | store | vectors
import { ImageEmbedder, TextEmbedder } from 'embedlane';
import { LocalStore } from 'embedlane/stores';
import { simd } from 'embedlane/vectors';

const USES = {
  text: async () => {
    const model = await TextEmbedder.load('all-MiniLM-L6-v2');
    await model.encode('a text').finally(() => model.close());
  },
  tokens: async () => {
    const model = await TextEmbedder.load('all-MiniLM-L6-v2');
    await model.tokenize(['a text']).finally(() => model.close());
  },
  image: async () => {
    const model = await ImageEmbedder.load('efficientnet-lite0');
    await model.encode([new URL('pixel.gif', import.meta.url)]).finally(() => model.close());
  },
  store: async () => {
    const store = await LocalStore.open('store');
    await store.create({ dims: 2 }).finally(() => store.close());
  },
  vectors: async () => void simd(),
};

try {
  await USES[process.argv[2]]();
  console.log('works');
} catch (error) {
  console.log(error.code, error.message);
}
