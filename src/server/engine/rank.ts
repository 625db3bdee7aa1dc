import type { CrossEncoder, LateInteractionEmbedder, M3Embedder, RankedDocument } from '../../heads/index.js';
import type { RankRequest } from './engine.js';

interface Ranking {
  ranked: RankedDocument[];
  tokens: number;
}

/** Scores of a model that reads the query and a document together. */
export async function rankTogether(model: CrossEncoder, request: RankRequest): Promise<Ranking> {
  const { query, documents, topK, raw, signal } = request;
  let tokens = 0;
  const ranked = await model.rank(query, documents, {
    activation: raw ? 'identity' : 'sigmoid',
    ...(topK !== undefined && { topK }),
    signal,
    onUsage: (usage) => (tokens = usage.tokens),
  });
  return { ranked, tokens };
}

/** MaxSim: the mean cosine of the query's tokens and their best matches; raw, the sum. */
export async function rankByTokens(model: LateInteractionEmbedder, request: RankRequest): Promise<Ranking> {
  const { query, documents, topK, raw, signal } = request;
  const { options, usage } = counting(signal);
  const [queries, matrices] = await Promise.all([
    model.encodeQuery(query, options),
    model.encodeDocument(documents, options),
  ]);
  const { data } = await model.similarity(queries, matrices, { signal });
  const scores = raw ? data : data.map((score) => score / Math.max(1, queries[0].rows));
  return { ranked: best(scores, topK), tokens: usage.tokens };
}

/** The mean of bge-m3's dense, sparse and token scores. It has no logits: raw scores are the same. */
export async function rankHybrid(model: M3Embedder, request: RankRequest): Promise<Ranking> {
  const { query, documents, topK, signal } = request;
  const { options, usage } = counting(signal);
  const [question, texts] = await Promise.all([
    model.encode(query, options),
    model.encode(documents, options),
  ]);
  const { hybrid } = await model.score(question, texts, { signal });
  return { ranked: best(hybrid.data, topK), tokens: usage.tokens };
}

/** Options of several calls whose tokens are added up. */
function counting(signal: AbortSignal) {
  const usage = { tokens: 0 };
  const onUsage = ({ tokens }: { tokens: number }) => {
    usage.tokens += tokens;
  };
  return { options: { signal, onUsage }, usage };
}

/** The highest scores first, ties by the order given. */
function best(scores: Float32Array, topK = scores.length): RankedDocument[] {
  const order = Array.from(scores.keys()).sort((a, b) => scores[b] - scores[a] || a - b);
  return order.slice(0, topK).map((corpusId) => ({ corpusId, score: scores[corpusId] }));
}
