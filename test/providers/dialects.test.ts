import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  CohereEmbedder,
  DashScopeEmbedder,
  JinaEmbedder,
  OllamaEmbedder,
  TeiEmbedder,
  VoyageEmbedder,
} from '#dist/providers/index.js';
import { type FakeHost, fakeHost, json, vectorOf } from './support.js';

const NATIVE = '/api/v1/services/embeddings/text-embedding/text-embedding';

let host: FakeHost;
beforeAll(async () => {
  host = await fakeHost();
});
beforeEach(() => {
  host.seen.length = 0;
});
afterEach(() => {
  vi.unstubAllEnvs();
});

const texts = Array.from({ length: 12 }, (_, i) => 'x'.repeat(i + 1));
const expected = texts.map((text) => vectorOf(text));

const openAIAnswer: FakeHost['answer'] = ({ body }, response) =>
  json(response, {
    data: body.input.map((text: string, index: number) => ({ index, embedding: vectorOf(text) })),
  });

describe('DashScopeEmbedder', () => {
  const create = (options = {}) =>
    new DashScopeEmbedder({
      baseURL: host.url,
      apiKey: 'k',
      model: 'text-embedding-v3',
      maxRetries: 0,
      ...options,
    });
  const native: FakeHost['answer'] = ({ body }, response) => {
    const embeddings = body.input.texts.map((text: string, index: number) => ({
      text_index: index,
      embedding: vectorOf(text),
      sparse_embedding: [{ index: text.length, value: 0.5, token: 'x' }],
    }));
    json(response, {
      output: { embeddings: embeddings.reverse() },
      usage: { total_tokens: 1 },
      request_id: 'r',
    });
  };

  it('sends ten rows at a time and sorts by text_index', async () => {
    host.answer = native;
    await using model = create({ dimensions: 3, instruct: 'Find it.' });
    expect((await model.encode(texts)).toArrays()).toEqual(expected);
    expect(host.seen.map(({ body }) => body.input.texts.length).sort()).toEqual([10, 2]);
    expect(host.seen[0].path).toBe(NATIVE);
    expect(host.seen[0].body.parameters).toEqual({
      text_type: 'document',
      dimension: 3,
      output_type: 'dense',
    });
    await model.encodeQuery('x');
    expect(host.seen.at(-1)?.body.parameters).toMatchObject({ text_type: 'query', instruct: 'Find it.' });
  });

  it('sends 25 rows of the old models', async () => {
    host.answer = native;
    await using model = create({ model: 'text-embedding-v2' });
    await model.encode(texts);
    expect(host.seen).toHaveLength(1);
  });

  it('has sparse vectors', async () => {
    host.answer = native;
    await using model = create();
    const vectors = await model.encodeSparse(['a', 'bbb']);
    expect(vectors).toEqual(
      [1, 3].map((index) => ({
        indices: Uint32Array.of(index),
        values: Float32Array.of(0.5),
        tokens: ['x'],
      })),
    );
  });

  it.each([
    undefined,
    [{ index: 2 ** 32, value: 1 }],
    [{ index: 0.5, value: 1 }],
    [{ index: 1, value: 1e300 }],
  ])('refuses a sparse vector that is none: %j', async (sparse_embedding) => {
    host.answer = (_, response) =>
      json(response, { output: { embeddings: [{ text_index: 0, sparse_embedding }] } });
    await using model = create();
    await expect(model.encodeSparse('a')).rejects.toMatchObject({ code: 'ERR_REMOTE' });
  });

  it.each([null, { text_type: 'query' }, { textType: 'q' }, { signal: {} }])(
    'refuses the options %j of sparse vectors',
    async (options) => {
      await using model = create();
      await expect(model.encodeSparse('a', options as never)).rejects.toMatchObject({
        code: 'ERR_INVALID_ARG',
      });
      expect(host.seen).toHaveLength(0);
    },
  );

  it.each(['/compatible-mode/v1', '/compatible-mode/v1/embeddings'])(
    'speaks the OpenAI mode at %s',
    async (path) => {
      host.answer = openAIAnswer;
      await using model = create({ baseURL: host.url + path });
      expect((await model.encode(texts)).toArrays()).toEqual(expected);
      expect(host.seen[0]).toMatchObject({
        path: '/compatible-mode/v1/embeddings',
        body: { model: 'text-embedding-v3', encoding_format: 'float' },
      });
      expect(host.seen).toHaveLength(2);
    },
  );
});

describe('OllamaEmbedder', () => {
  it('embeds many texts in one request', async () => {
    host.answer = ({ body }, response) =>
      json(response, { embeddings: body.input.map((t: string) => vectorOf(t)) });
    await using model = new OllamaEmbedder({
      baseURL: `${host.url}/api`,
      model: 'bge-m3',
      keepAlive: '5m',
      truncate: false,
    });
    expect((await model.encode(texts)).toArrays()).toEqual(expected);
    expect(host.seen).toHaveLength(1);
    expect(host.seen[0]).toMatchObject({
      path: '/api/embed',
      body: { model: 'bge-m3', keep_alive: '5m', truncate: false },
    });
  });

  it('falls back to the old route of an old server, and stays there', async () => {
    host.answer = ({ path, body }, response) => {
      if (path === '/api/embed') return response.writeHead(404).end('404 page not found');
      json(response, { embedding: vectorOf(body.prompt) });
    };
    await using model = new OllamaEmbedder({ baseURL: host.url, model: 'm' });
    expect((await model.encode(texts)).toArrays()).toEqual(expected);
    await model.encode('a');
    expect(host.seen.filter(({ path }) => path === '/api/embed')).toHaveLength(1);
  });

  it('asks the new route again after a 404 of both, whose vectors have another length', async () => {
    host.answer = (_, response) => response.writeHead(404).end('404 page not found');
    await using model = new OllamaEmbedder({ baseURL: host.url, model: 'm' });
    await expect(model.encode('a')).rejects.toMatchObject({ status: 404 });
    host.answer = ({ path }, response) =>
      json(response, path === '/api/embed' ? { embeddings: [[0.6, 0.8]] } : { embedding: [3, 4] });
    expect((await model.encode('a', {})).toArrays()).toEqual([[Math.fround(0.6), Math.fround(0.8)]]);
  });

  it.each([
    [{ keepAlive: Number.NaN }, 'keepAlive'],
    [{ keepAlive: {} }, 'keepAlive'],
    [{ keepAlive: '' }, 'keepAlive'],
    [{ options: [] }, 'options'],
    [{ options: { num_ctx: 1n } }, 'options'],
  ])('refuses %o before it asks', (options, name) => {
    const create = () => new OllamaEmbedder({ model: 'm', ...(options as object) });
    expect(create).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG' }));
    expect(create).toThrow(new RegExp(`for ${name}\\b`));
  });

  it('reports a model that is not there instead', async () => {
    host.answer = (_, response) => json(response, { error: "model 'm' not found" }, 404);
    await using model = new OllamaEmbedder({ baseURL: host.url, model: 'm' });
    await expect(model.encode('a')).rejects.toMatchObject({
      status: 404,
      providerMessage: "model 'm' not found",
    });
    expect(host.seen).toHaveLength(1);
  });

  it.each([
    ['$', '/api/embed'],
    ['http://$', '/api/embed'],
    ['http://$/ollama', '/ollama/api/embed'],
    ['$/ollama/', '/ollama/api/embed'],
    [' "$" ', '/api/embed'],
    [':port', '/api/embed'],
    ['0.0.0.0:port', '/api/embed'],
  ])('asks OLLAMA_HOST=%s', async (variable, path) => {
    const { host: address, port } = new URL(host.url);
    vi.stubEnv('OLLAMA_HOST', variable.replace('$', address).replace('port', port));
    host.answer = (_, response) => json(response, { embeddings: [[1, 2]] });
    await using model = new OllamaEmbedder({ model: 'm', maxRetries: 0 });
    await model.encode('a');
    expect(host.seen[0].path).toBe(path);
  });

  it.each([
    ['127.0.0.9', 'http://127.0.0.9:11434/api/embed'],
    ['::1', 'http://[::1]:11434/api/embed'],
    ['127.0.0.9:80', 'http://127.0.0.9/api/embed'],
    ['http://127.0.0.9', 'http://127.0.0.9/api/embed'],
    ['https://127.0.0.9/x', 'https://127.0.0.9/x/api/embed'],
  ])('takes the port of Ollama for a host, and that of the scheme for a URL: %s', async (variable, url) => {
    vi.stubEnv('OLLAMA_HOST', variable);
    await using model = new OllamaEmbedder({ model: 'm', maxRetries: 0, timeout: 1000 });
    await expect(model.encode('a')).rejects.toThrow(`at ${url} `);
  });

  it('reports an OLLAMA_HOST that is no address, if it is needed', async () => {
    vi.stubEnv('OLLAMA_HOST', 'no host');
    expect(() => new OllamaEmbedder({ model: 'm' })).toThrow(/baseURL .*'?no host/);
    await new OllamaEmbedder({ model: 'm', baseURL: host.url }).close();
  });

  it('needs a model', () => {
    expect(() => new OllamaEmbedder({} as never)).toThrow(/model/);
  });
});

describe('TeiEmbedder', () => {
  it('sends 32 texts at a time, with the prompt of the purpose', async () => {
    host.answer = ({ body }, response) =>
      json(
        response,
        body.inputs.map((t: string) => vectorOf(t)),
      );
    await using model = new TeiEmbedder({
      baseURL: host.url,
      queryPromptName: 'query',
      serverNormalize: false,
    });
    const many = Array.from({ length: 40 }, (_, i) => 'x'.repeat(i + 1));
    expect((await model.encode(many)).toArrays()).toEqual(many.map((text) => vectorOf(text)));
    expect(host.seen.map(({ body }) => body.inputs.length).sort()).toEqual([32, 8]);
    await model.encodeQuery('a');
    expect(host.seen.at(-1)).toMatchObject({
      path: '/embed',
      body: { prompt_name: 'query', normalize: false },
    });
  });
});

describe('hosted providers', () => {
  it('speaks to Cohere', async () => {
    host.answer = ({ body }, response) =>
      json(response, { embeddings: { float: body.texts.map((t: string) => vectorOf(t)) } });
    await using model = new CohereEmbedder({ baseURL: host.url, apiKey: 'k', dimensions: 3 });
    expect((await model.encode(texts)).toArrays()).toEqual(expected);
    await model.embedQuery('a');
    expect(host.seen.map(({ body }) => body.input_type)).toEqual(['search_document', 'search_query']);
    expect(host.seen[0]).toMatchObject({
      path: '/embed',
      body: { embedding_types: ['float'], output_dimension: 3 },
    });
  });

  it('speaks to Jina', async () => {
    host.answer = openAIAnswer;
    await using model = new JinaEmbedder({ baseURL: `${host.url}/v1`, apiKey: 'k' });
    await model.embedDocuments(texts);
    await model.embedQuery('a');
    expect(host.seen.map(({ body }) => body.task)).toEqual(['retrieval.passage', 'retrieval.query']);
  });

  it('speaks to Voyage', async () => {
    host.answer = openAIAnswer;
    await using model = new VoyageEmbedder({ baseURL: `${host.url}/v1`, apiKey: 'k', dimensions: 3 });
    expect((await model.encodeDocument(texts)).toArrays()).toEqual(expected);
    expect(host.seen[0].body).toMatchObject({ input_type: 'document', output_dimension: 3 });
  });
});
