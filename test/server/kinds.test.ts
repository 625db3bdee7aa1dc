import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  AudioEmbedder,
  ClapEmbedder,
  LateInteractionEmbedder,
  M3Embedder,
  StaticEmbedder,
} from '#dist/index.js';
import { fixture } from '../text/goldens.js';
import { difference, testServer } from './support.js';

const NAMES = ['tiny-static', 'tiny-model2vec', 'tiny-colbert', 'tiny-clap', 'tiny-whisper', 'tiny-xlmr'];
const M3 = { modelFile: 'model_bgem3.onnx' };
const QUERY = 'who sleeps';
const TEXTS = ['a cat sleeps', 'the bank raised rates', 'cats and dogs', 'stocks fell'];
const SOUNDS = ['noise_11k025_u8.wav', 'speech_22k05_s16.wav'].map((file) =>
  readFileSync(fixture(`media/audio/${file}`)),
);
const BASE64 = SOUNDS.map((bytes) => bytes.toString('base64'));
const URIS = BASE64.map((base64) => `data:audio/wav;base64,${base64}`);
const SAME = 1e-5;
const DASHSCOPE = '/api/v1/services/embeddings/text-embedding/text-embedding';

const server = testServer({
  models: NAMES.map((name) => ({ id: fixture(`models/${name}`), ...(name === 'tiny-xlmr' && M3) })),
});
let colbert: LateInteractionEmbedder;
let clap: ClapEmbedder;
let whisper: AudioEmbedder;
let m3: M3Embedder;
beforeAll(async () => {
  [colbert, clap, whisper, m3] = await Promise.all([
    LateInteractionEmbedder.load(fixture('models/tiny-colbert')),
    ClapEmbedder.load(fixture('models/tiny-clap')),
    AudioEmbedder.load(fixture('models/tiny-whisper')),
    M3Embedder.load(fixture('models/tiny-xlmr'), M3),
  ]);
});
afterAll(() => Promise.all([colbert, clap, whisper, m3].map((model) => model?.close())));

const embed = (model: string, input: unknown, more = {}) =>
  server.post('/v1/embeddings', { model, input, ...more });
// biome-ignore lint/suspicious/noExplicitAny: bodies of several dialects
const rows = (body: any): number[][] => body.data.map(({ embedding }: { embedding: number[] }) => embedding);
const length = (row: number[]) => Math.hypot(...row);

function expectRows(actual: number[][], expected: Iterable<ArrayLike<number>>): void {
  const wanted = [...expected];
  expect(actual).toHaveLength(wanted.length);
  actual.forEach((row, i) => {
    expect(difference(row, wanted[i])).toBeLessThan(SAME);
  });
}

it('finds out what the models can do', async () => {
  const { body } = await server.get('/v1/models');
  const able = Object.fromEntries(
    body.data.map(({ id, capabilities }: { id: string; capabilities: string[] }) => [id, capabilities]),
  );
  expect(able).toEqual({
    'tiny-static': ['embed', 'embed_all', 'tokenize'],
    'tiny-model2vec': ['embed', 'embed_all', 'tokenize'],
    'tiny-colbert': ['embed_all', 'rerank'],
    'tiny-clap': ['embed', 'audio_embed'],
    'tiny-whisper': ['audio_embed'],
    'tiny-xlmr': ['embed', 'embed_all', 'embed_sparse', 'rerank'],
  });
});

describe('static models', () => {
  it.each(['tiny-static', 'tiny-model2vec'])('embed texts: %s', async (name) => {
    await using model = await StaticEmbedder.load(fixture(`models/${name}`));
    const { status, body } = await embed(name, TEXTS);
    expect(status).toBe(200);
    expectRows(rows(body), await model.encode(TEXTS));
    expect(body.usage.total_tokens).toBeGreaterThan(TEXTS.length);
  });
});

describe('late-interaction models', () => {
  it.each([
    [undefined, 'encodeDocument'],
    ['document', 'encodeDocument'],
    ['query', 'encodeQuery'],
  ] as const)('give the vectors of all tokens (input_type %s)', async (input_type, encode) => {
    const { status, body } = await server.post('/embed_all', {
      ...{ model: 'tiny-colbert', inputs: TEXTS, input_type },
    });
    expect(status).toBe(200);
    const expected = await colbert[encode](TEXTS);
    body.forEach((matrix: number[][], i: number) => {
      expectRows(matrix, expected[i]);
    });
  });

  it('rerank by MaxSim, as a mean over the tokens of the query, raw as their sum', async () => {
    const expected = await colbert.rank(QUERY, TEXTS);
    const [{ rows: tokens }] = await colbert.encodeQuery(QUERY);
    for (const raw_scores of [false, true]) {
      const { status, body } = await server.post('/v1/rerank', {
        ...{ model: 'tiny-colbert', query: QUERY, documents: TEXTS, raw_scores },
      });
      expect(status).toBe(200);
      expected.forEach(({ corpusId, score }, i) => {
        expect(body.results[i].index).toBe(corpusId);
        expect(body.results[i].relevance_score).toBeCloseTo(raw_scores ? score : score / tokens, 4);
      });
      expect(body.usage.total_tokens).toBeGreaterThan(TEXTS.length);
    }
  });

  it('return as many as asked for', async () => {
    const { body } = await server.post('/v2/rerank', {
      ...{ model: 'tiny-colbert', query: QUERY, documents: TEXTS, top_n: 2 },
    });
    expect(body.results).toHaveLength(2);
  });

  it('cannot embed texts as one vector', async () => {
    const { status, body } = await embed('tiny-colbert', 'a');
    expect([status, body.error.code]).toEqual([400, 'model_not_supported']);
  });
});

describe('bge-m3', () => {
  it('gives dense vectors, cut if asked', async () => {
    const { dense } = await m3.encode(TEXTS);
    expectRows(rows((await embed('tiny-xlmr', TEXTS)).body), dense);
    const [cut] = rows((await embed('tiny-xlmr', TEXTS, { dimensions: 8 })).body);
    const scale = length([...dense.row(0).subarray(0, 8)]);
    expectRows(
      [cut],
      [
        dense
          .row(0)
          .subarray(0, 8)
          .map((x) => x / scale),
      ],
    );
  });

  it('gives sparse vectors and those of tokens', async () => {
    const { sparse, tokens } = await m3.encode(TEXTS);
    const answer = await server.post('/embed_sparse', { model: 'tiny-xlmr', inputs: TEXTS });
    expect(answer.status).toBe(200);
    expect(sparseOf(answer.body[0])).toEqual([...sparse[0].indices]);
    const all = await server.post('/embed_all', { model: 'tiny-xlmr', inputs: TEXTS });
    all.body.forEach((matrix: number[][], i: number) => {
      expectRows(matrix, tokens[i]);
    });
  });

  it('reranks by its hybrid score', async () => {
    const { hybrid } = await m3.score(await m3.encode(QUERY), await m3.encode(TEXTS));
    const { body } = await server.post('/rerank', { model: 'tiny-xlmr', query: QUERY, texts: TEXTS });
    expect(body).toHaveLength(TEXTS.length);
    const scores: number[] = body.map(({ score }: { score: number }) => score);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
    for (const { index, score } of body) expect(score).toBeCloseTo(hybrid.data[index], 4);
  });

  it.each(['dense', 'sparse', 'dense&sparse'])("answers DashScope's output_type %s", async (output_type) => {
    const { dense, sparse } = await m3.encode(TEXTS);
    const { status, body } = await server.post(DASHSCOPE, {
      ...{ model: 'tiny-xlmr', input: { texts: TEXTS }, parameters: { output_type } },
    });
    expect(status).toBe(200);
    expect(body.usage.total_tokens).toBeGreaterThan(TEXTS.length);
    const list = body.output.embeddings;
    list.forEach((item: Record<string, never>, i: number) => {
      expect(item.text_index).toBe(i);
      expect(Object.keys(item)).toEqual([
        'text_index',
        ...(output_type === 'dense' ? [] : ['sparse_embedding']),
        ...(output_type === 'sparse' ? [] : ['embedding']),
      ]);
      if (item.embedding) expectRows([item.embedding], [dense.row(i)]);
      if (item.sparse_embedding) expect(sparseOf(item.sparse_embedding)).toEqual([...sparse[i].indices]);
    });
  });

  it.each<[object, string]>([
    [{ output_type: 'everything' }, 'output_type'],
    [{ output_type: 'sparse', auto_truncation: false }, 'cuts'],
  ])('refuses %j', async (parameters, words) => {
    const { status, body } = await server.post(DASHSCOPE, {
      ...{ model: 'tiny-xlmr', input: { texts: TEXTS }, parameters },
    });
    expect([status, body.code]).toEqual([400, 'InvalidParameter']);
    expect(body.message).toContain(words);
  });

  it('refuses sparse vectors of models that make none', async () => {
    for (const output_type of ['sparse', 'dense&sparse']) {
      const { status, body } = await server.post(DASHSCOPE, {
        ...{ model: 'tiny-static', input: { texts: TEXTS }, parameters: { output_type } },
      });
      expect([status, body.message]).toEqual([400, "The model 'tiny-static' cannot make sparse embeddings"]);
    }
  });
});

function sparseOf(list: { index: number; value: number }[]): number[] {
  for (const { value } of list) expect(value).toBeGreaterThan(0);
  return list.map(({ index }) => index);
}

describe('models of sounds', () => {
  it('embed sounds and texts mixed, in order', async () => {
    const sounds = await clap.encodeAudio(SOUNDS, { normalize: true });
    const texts = await clap.encodeText(['a dog barks'], { normalize: true });
    const { status, body } = await embed('tiny-clap', [
      { audio: URIS[1] },
      'a dog barks',
      { audio: BASE64[0] },
    ]);
    expect(status).toBe(200);
    expectRows(rows(body), [sounds.row(1), texts.row(0), sounds.row(0)]);
  });

  it("take infinity's modality, dimensions, and lengths as they are", async () => {
    const raw = await whisper.encode(SOUNDS);
    const more = { modality: 'audio', normalized: false };
    expectRows(rows((await embed('tiny-whisper', URIS, more)).body), raw);
    const [cut] = rows((await embed('tiny-whisper', URIS, { modality: 'audio', dimensions: 4 })).body);
    expect([cut.length, length(cut)]).toEqual([4, expect.closeTo(1, 5)]);
  });

  it.each<[string, unknown, RegExp]>([
    ['no sound', { audio: Buffer.from('no sound at all').toString('base64') }, /input\[1\]/],
    ['nothing', { audio: 'data:audio/wav;base64,' }, /input\[1\]/],
    ['a URL', { audio: 'http://127.0.0.1:1/a.wav' }, /input\[1\].*URL/],
    ['a path', { audio: '/etc/passwd' }, /input\[1\]/],
    ['a file of sounds', { audio: `file://${fixture('media/audio/noise_11k025_u8.wav')}` }, /input\[1\]/],
    ['two things at once', { audio: 'x', text: 'x' }, /input\[1\]/],
    ['a picture', { image: 'data:image/png;base64,AAAA' }, /cannot embed images/],
  ])('refuse %s and say which it is', async (_, item, words) => {
    const { status, body } = await embed('tiny-clap', [{ audio: URIS[0] }, item]);
    expect(status).toBe(400);
    expect(body.error.message).toMatch(words);
  });

  it('refuse texts where they know none', async () => {
    const { status, body } = await embed('tiny-whisper', 'a dog barks');
    expect([status, body.error.message]).toEqual([400, "The model 'tiny-whisper' cannot embed texts"]);
  });
});
