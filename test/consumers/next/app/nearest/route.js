import { TextEmbedder } from 'embedlane';
import { simd, topKSync } from 'embedlane/vectors';

let loading;

export async function GET(request) {
  loading ??= TextEmbedder.load('all-MiniLM-L6-v2');
  const model = await loading;
  const corpus = await model.encode(['a stock exchange', 'a cat']);
  const query = await model.encode(new URL(request.url).searchParams.get('q'));
  const { index } = topKSync(query, corpus, { k: 1 }).get(0)[0];
  return Response.json([corpus.dims, index, simd().backend]);
}
