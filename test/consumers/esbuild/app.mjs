import { simd, topKSync } from 'embedlane/vectors';

const corpus = { data: Float32Array.of(0, 1, 1, 0), rows: 2, dims: 2 };
const top = topKSync({ data: Float32Array.of(1, 0), rows: 1, dims: 2 }, corpus, { k: 1 });
console.log(corpus.dims, top.get(0)[0].index, simd().backend);
