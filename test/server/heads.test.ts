import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CrossEncoder, SparseEmbedder } from '#dist/index.js';
import { fixture } from '../text/goldens.js';
import { TINY, testServer } from './support.js';

const server = testServer({
  models: [TINY, fixture('models/tiny-crossencoder'), fixture('models/tiny-splade')],
});
const RERANKER = 'tiny-crossencoder';
const QUERY = 'who sleeps';
const DOCUMENTS = ['a cat sleeps', 'the bank raised rates', 'cats and dogs', 'stocks fell', 'a dog sleeps'];
const SAME = 1e-5;

let reranker: CrossEncoder;
let sparse: SparseEmbedder;
let expected: { corpusId: number; score: number }[];
let logits: { corpusId: number; score: number }[];
beforeAll(async () => {
  reranker = await CrossEncoder.load(fixture('models/tiny-crossencoder'));
  sparse = await SparseEmbedder.load(fixture('models/tiny-splade'));
  expected = await reranker.rank(QUERY, DOCUMENTS, { activation: 'sigmoid' });
  logits = await reranker.rank(QUERY, DOCUMENTS, { activation: 'identity' });
});
afterAll(() => Promise.all([reranker?.close(), sparse?.close()]));

function expectRanked(actual: [number, number][], wanted: typeof expected): void {
  expect(actual.map(([index]) => index)).toEqual(wanted.map(({ corpusId }) => corpusId));
  wanted.forEach(({ score }, i) => {
    expect(Math.abs(actual[i][1] - score)).toBeLessThan(SAME);
  });
}
// biome-ignore lint/suspicious/noExplicitAny: the bodies of several dialects
const pairs = (results: any[]): [number, number][] =>
  results.map(({ index, relevance_score, score }) => [index, relevance_score ?? score]);

describe('reranking as Jina and infinity', () => {
  it.each(['/v1/rerank', '/rerank'])('ranks at %s', async (path) => {
    const { status, body } = await server.post(path, {
      ...{ model: RERANKER, query: QUERY, documents: DOCUMENTS },
    });
    expect(status).toBe(200);
    expectRanked(pairs(body.results), expected);
    // Infinity's client, which asks at /rerank, refuses any other word there.
    expect(body).toMatchObject({ object: path === '/rerank' ? 'rerank' : 'list', model: RERANKER });
    expect(body.results[0]).not.toHaveProperty('document');
    expect(body.usage.total_tokens).toBeGreaterThan(DOCUMENTS.length * 5);
  });

  it('counts the tokens of the pairs without padding', async () => {
    const tokens = async (documents: string[]) =>
      (await server.post('/v1/rerank', { model: RERANKER, query: QUERY, documents })).body.usage.total_tokens;
    const [first, second] = [await tokens(['a']), await tokens(['a b c d e f g h'])];
    expect(await tokens(['a', 'a b c d e f g h'])).toBe(first + second);
  });

  it('cuts to top_n, returns documents, and logits if asked', async () => {
    const { body } = await server.post('/v1/rerank', {
      ...{ model: RERANKER, query: QUERY, top_n: 2, return_documents: true, raw_scores: true },
      documents: DOCUMENTS.map((text) => ({ text })),
    });
    expectRanked(pairs(body.results), logits.slice(0, 2));
    expect(body.results[0].document).toEqual({ text: DOCUMENTS[logits[0].corpusId] });
  });

  it("answers Voyage's clients in their form", async () => {
    const { body } = await server.post('/v1/rerank', {
      ...{ model: RERANKER, query: QUERY, documents: DOCUMENTS, top_k: 3 },
      return_documents: true,
    });
    expectRanked(pairs(body.data), expected.slice(0, 3));
    expect(body.data[0].document).toBe(DOCUMENTS[expected[0].corpusId]);
    expect(body.usage.total_tokens).toBeGreaterThan(0);
  });

  it('takes the first reranker if none is named', async () => {
    const { body } = await server.post('/v1/rerank', { query: QUERY, documents: DOCUMENTS });
    expect(body.model).toBe(RERANKER);
  });

  it.each<[object, number, RegExp]>([
    [{ query: QUERY }, 400, /documents/],
    [{ query: QUERY, documents: [] }, 400, /cannot be empty/],
    [{ query: QUERY, documents: 'a' }, 400, /list of documents/],
    [{ query: QUERY, documents: ['a', { image: 'x' }] }, 400, /documents\[1\]/],
    [{ documents: ['a'] }, 400, /query/],
    [{ query: 7, documents: ['a'] }, 400, /query/],
    [{ query: QUERY, documents: ['a'], top_n: 0 }, 400, /top_n/],
    [{ query: QUERY, documents: ['a'], model: 'nope' }, 404, /nope/],
    [{ query: QUERY, documents: ['a'], model: 'tiny-bert-cls' }, 400, /cannot rerank/],
    [{ query: QUERY, documents: Array(3000).fill('a') }, 400, /3000 > maximum/],
  ])('refuses %j', async (request, status, message) => {
    const answer = await server.post('/v1/rerank', request);
    expect(answer.status).toBe(status);
    expect(Object.keys(answer.body)).toEqual(['detail']);
    expect(answer.body.detail).toMatch(message);
  });
});

describe('reranking as Cohere', () => {
  it('ranks at /v2/rerank', async () => {
    const { body } = await server.post('/v2/rerank', {
      ...{ model: RERANKER, query: QUERY, documents: DOCUMENTS, top_n: 2 },
    });
    expectRanked(pairs(body.results), expected.slice(0, 2));
    expect(body.meta).toEqual({ api_version: { version: '2' }, billed_units: { search_units: 1 } });
    expect(body.id).toMatch(/^[\da-f-]{36}$/);
  });

  it('says what is wrong in its form', async () => {
    const { status, body } = await server.post('/v2/rerank', { model: 'nope', query: 'a', documents: ['a'] });
    expect([status, body.message]).toEqual([404, "The model 'nope' does not exist"]);
    expect((await server.post('/v2/nothing', {})).body.message).toContain('/v2/nothing');
  });
});

describe('reranking as DashScope', () => {
  const path = '/api/v1/services/rerank/text-rerank/text-rerank';

  it('ranks', async () => {
    const { body } = await server.post(path, {
      ...{ model: RERANKER, input: { query: QUERY, documents: DOCUMENTS } },
      parameters: { top_n: 3, return_documents: true },
    });
    expectRanked(pairs(body.output.results), expected.slice(0, 3));
    expect(body.output.results[0].document).toEqual({ text: DOCUMENTS[expected[0].corpusId] });
    expect(body.usage.total_tokens).toBeGreaterThan(0);
    expect(body.request_id).toMatch(/./);
  });

  it.each<[object, number, string]>([
    [{ model: RERANKER }, 400, 'InvalidParameter'],
    [{ model: RERANKER, input: { query: 'a', documents: [] } }, 400, 'InvalidParameter'],
    [{ model: 'x', input: { query: 'a', documents: ['b'] } }, 404, 'ModelNotFound'],
  ])('refuses %j', async (request, status, code) => {
    const answer = await server.post(path, request);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });
});

describe('Text Embeddings Inference', () => {
  it('ranks texts at /rerank', async () => {
    const { body } = await server.post('/rerank', { query: QUERY, texts: DOCUMENTS, return_text: true });
    expectRanked(pairs(body), expected);
    expect(body[0].text).toBe(DOCUMENTS[expected[0].corpusId]);
    const raw = await server.post('/rerank', { query: QUERY, texts: DOCUMENTS, raw_scores: true });
    expectRanked(pairs(raw.body), logits);
    expect(raw.body[0]).not.toHaveProperty('text');
  });

  it('classifies a text, a pair, and lists of them at /predict', async () => {
    const predict = async (inputs: unknown, more = {}) =>
      (await server.post('/predict', { inputs, ...more })).body;
    const [[pair]] = [await reranker.predict([[QUERY, DOCUMENTS[0]]], { activation: 'sigmoid' })];
    const [text] = await reranker.predict(['a cat'], { activation: 'identity' });
    const close = (value: number) => ({ label: 'LABEL_0', score: expect.closeTo(value, 5) });
    expect(await predict([QUERY, DOCUMENTS[0]])).toEqual([close(pair)]);
    expect(await predict('a cat', { raw_scores: true })).toEqual([close(text)]);
    const nested = await predict([[QUERY, DOCUMENTS[0]], ['a cat'], [QUERY, DOCUMENTS[0]]]);
    expect(nested).toEqual([[close(pair)], [close(1 / (1 + Math.exp(-text)))], [close(pair)]]);
  });

  it('makes sparse vectors at /embed_sparse', async () => {
    const texts = DOCUMENTS.concat(Array(40).fill('a long tail of texts'));
    const vectors = await sparse.encode(texts);
    const { body } = await server.post('/embed_sparse', { inputs: texts });
    expect(body).toHaveLength(texts.length);
    vectors.forEach(({ indices, values }, row) => {
      expect(body[row].map(({ index }: { index: number }) => index)).toEqual(Array.from(indices));
      body[row].forEach(({ value }: { value: number }, at: number) => {
        expect(Math.abs(value - values[at])).toBeLessThan(1e-4);
      });
    });
    expect((await server.post('/embed_sparse', { inputs: 'a' })).body).toHaveLength(1);
  });

  it.each<[string, object, number, string]>([
    ['/rerank', { query: 'a', texts: [] }, 400, 'Empty'],
    ['/rerank', { query: 'a' }, 422, 'Validation'],
    ['/rerank', { texts: ['a'] }, 422, 'Validation'],
    ['/rerank', { query: 'a', texts: ['b'], truncate: false }, 422, 'Validation'],
    ['/predict', {}, 422, 'Validation'],
    ['/predict', { inputs: [] }, 400, 'Empty'],
    ['/predict', { inputs: ['a', 'b', 'c'] }, 422, 'Validation'],
    ['/predict', { inputs: [['a'], [7]] }, 422, 'Validation'],
    ['/embed_sparse', { inputs: '' }, 400, 'Empty'],
    ['/embed_sparse', { inputs: [[1, 2]] }, 422, 'Validation'],
    ['/embed_sparse', { inputs: 'a', truncation_direction: 'left' }, 422, 'Validation'],
    ['/embed_sparse', { inputs: 'a', prompt_name: 'nope' }, 422, 'Validation'],
    ['/embed', { inputs: 'a', model: RERANKER }, 422, 'Validation'],
    ['/tokenize', { inputs: 'a', model: RERANKER }, 422, 'Validation'],
  ])('answers %s of %j with %i', async (path, request, status, type) => {
    const answer = await server.post(path, request);
    expect([answer.status, answer.body.error_type, answer.body.error]).toEqual([
      ...[status, type],
      expect.any(String),
    ]);
  });
});

it('says what each model can do', async () => {
  const { body } = await server.get('/v1/models');
  expect(body.data.map(({ capabilities }: { capabilities: string[] }) => capabilities)).toEqual([
    ['embed', 'embed_all', 'tokenize'],
    ['rerank', 'classify'],
    ['embed_sparse'],
  ]);
  expect((await server.get('/api/tags')).body.models).toHaveLength(1);
  expect((await server.get('/metrics')).body).toMatch(
    /embedlane_texts_total\{model="tiny-crossencoder"\} \d\d/,
  );
});

describe('a server of rerankers alone', () => {
  const alone = testServer({ models: [{ id: fixture('models/tiny-crossencoder'), kind: 'cross-encoder' }] });

  it('has nothing that embeds', async () => {
    const { status, body } = await alone.post('/embed', { inputs: 'a' });
    expect([status, body]).toEqual([
      ...[404, { error: 'The server has no model that can embed texts', error_type: 'NotFound' }],
    ]);
  });

  it('describes itself as a reranker', async () => {
    expect((await alone.get('/info')).body.model_type).toEqual({
      reranker: { id2label: { 0: 'LABEL_0' }, label2id: { LABEL_0: 0 } },
    });
  });
});
