const { TextEmbedder } = require('embedlane');
const { simd, topKSync } = require('embedlane/vectors');

(async () => {
  const model = await TextEmbedder.load('all-MiniLM-L6-v2');
  const corpus = await model.encode(['a stock exchange', 'a cat']);
  const top = topKSync(await model.encode('a kitten'), corpus, { k: 1 });
  console.log(corpus.dims, top.get(0)[0].index, simd().backend);
  await model.close();
})();
