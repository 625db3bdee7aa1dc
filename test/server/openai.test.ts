import { describe, expect, it } from 'vitest';
import { difference, TINY, testServer } from './support.js';

const server = testServer({ models: [TINY] });
const MODEL = 'tiny-bert-cls';
const embed = (body: object) => server.post('/v1/embeddings', { model: MODEL, input: 'a cat', ...body });

/** Rounding of the same text in another batch. */
const SAME = 1e-5;

describe('/v1/embeddings', () => {
  it.each(['/v1/embeddings', '/embeddings', '/compatible-mode/v1/embeddings'])(
    'answers at %s',
    async (path) => {
      const { status, body, headers } = await server.post(path, { model: MODEL, input: 'a cat' });
      expect(status).toBe(200);
      const expected = await server.model.encode('a cat');
      expect(difference(body.data[0].embedding, expected.row(0))).toBeLessThan(SAME);
      const { ids } = (await server.model.tokenize('a cat'))[0];
      expect({
        ...body,
        data: body.data.map(({ embedding: _, ...rest }: { embedding: unknown }) => rest),
      }).toEqual({
        ...{ object: 'list', model: MODEL, data: [{ object: 'embedding', index: 0 }] },
        usage: { prompt_tokens: ids.length, total_tokens: ids.length },
      });
      expect(headers.get('x-request-id')).toMatch(/^[\w-]{36}$/);
    },
  );

  it('embeds lists in order, of any size', async () => {
    const input = Array.from({ length: 1500 }, (_, i) => `text number ${i}`);
    const { body } = await embed({ input });
    const expected = await server.model.encode(input);
    expect(body.data.map(({ index }: { index: number }) => index)).toEqual(input.map((_, i) => i));
    for (const { index, embedding } of body.data) {
      expect(difference(embedding, expected.row(index))).toBeLessThan(SAME);
    }
  });

  it('has base64 with the very bits of the numbers', async () => {
    const [decimal, base64] = await Promise.all([embed({}), embed({ encoding_format: 'base64' })]);
    const bytes = Buffer.from(base64.body.data[0].embedding, 'base64');
    const floats = Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
    expect(decimal.body.data[0].embedding.map(Math.fround)).toEqual(floats);
  });

  it("takes no dimensions for the model's own where Infinity's client asks", async () => {
    const { status, body } = await server.post('/embeddings', {
      model: MODEL,
      input: 'a cat',
      dimensions: 0,
    });
    expect([status, body.data?.[0].embedding.length]).toEqual([200, server.model.dimensions]);
  });

  it('cuts to dimensions and scales again', async () => {
    const { body } = await embed({ dimensions: 4 });
    const expected = await server.model.encode('a cat', { truncateDim: 4, normalize: true });
    expect(difference(body.data[0].embedding, expected.row(0))).toBeLessThan(SAME);
  });

  it('takes token ids of the model', async () => {
    const [{ ids }] = await server.model.tokenize('a cat');
    const expected = await server.model.encode('a cat');
    for (const input of [ids, [ids]]) {
      const { body } = await embed({ input });
      expect(difference(body.data[0].embedding, expected.row(0))).toBeLessThan(SAME);
    }
  });

  it.each<[string, object, string]>([
    ['no input', { input: undefined }, "Missing required parameter: 'input'"],
    ['an empty list', { input: [] }, 'empty array'],
    ['an empty text', { input: ['a', ''] }, "'input[1]' cannot be an empty string"],
    ['a number', { input: 7 }, 'a string or a list of strings'],
    ['a list with a number', { input: ['a', 7] }, "'input[1]'"],
    ['token ids that are none', { input: [[1.5]] }, 'a list of token ids'],
    ['negative token ids', { input: [-1] }, 'a list of token ids'],
    ["token ids of OpenAI's vocabulary", { input: [[1, 100_256]] }, "the model's own vocabulary"],
    ['mixed token ids', { input: [[1], 'a'] }, 'a list of token ids'],
    ['an empty list of token ids', { input: [[]] }, 'a list of token ids'],
    ['null in a list', { input: [null] }, 'a list of token ids'],
    ['no dimensions', { dimensions: 0 }, "'dimensions'"],
    ['negative dimensions', { dimensions: -1 }, "'dimensions'"],
    ['a billion dimensions', { dimensions: 1e9 }, "'dimensions'"],
    ['more dimensions than there are', { dimensions: 5000 }, "'dimensions' is 5000"],
    ['half dimensions', { dimensions: 1.5 }, "'dimensions'"],
    ['another encoding', { encoding_format: 'hex' }, "Supported values: ['float', 'base64']"],
    ['an encoding that is no text', { encoding_format: {} }, "'encoding_format' = object"],
    ['no model', { model: undefined }, "Missing required parameter: 'model'"],
    ['a model that is no text', { model: 7 }, "a string for 'model'"],
    ['another purpose', { input_type: 'poem' }, "'input_type'"],
    ['another task', { task: 'poem' }, "'task'"],
  ])('refuses %s', async (_, body, message) => {
    const answer = await embed(body);
    expect(answer.status).toBe(400);
    expect(answer.body.error).toMatchObject({ type: 'invalid_request_error', code: null });
    expect(answer.body.error.message).toContain(message);
  });

  it.each(['nope', '../../etc/passwd', '%2e%2e', '/etc', 'a\0b', 'CON', '__proto__'])(
    'has no model %j',
    async (model) => {
      const { status, body } = await embed({ model });
      expect(status).toBe(404);
      expect(body.error).toMatchObject({ param: 'model', code: 'model_not_found' });
    },
  );

  it('refuses more texts than it takes', async () => {
    const { status, body } = await embed({ input: Array(2049).fill('a') });
    expect(status).toBe(400);
    expect(body.error.message).toBe('batch size 2049 > maximum allowed batch size 2048');
  });

  it('uses prompts for the purposes that other providers know', async () => {
    for (const input_type of ['query', 'document', 'search_query', 'passage']) {
      expect((await embed({ input_type })).status).toBe(200);
    }
    for (const task of ['text-matching', 'classification', 'clustering', 'separation']) {
      expect((await embed({ task })).status).toBe(200);
    }
  });
});

describe('/v1/models', () => {
  it('lists the models by name, without their paths', async () => {
    const { body } = await server.get('/v1/models');
    expect(body.data).toMatchObject([{ id: MODEL, object: 'model', owned_by: 'embedlane' }]);
    expect((await server.get(`/v1/models/${MODEL}`)).body).toEqual(body.data[0]);
    expect((await server.get('/v1/models/org/other')).status).toBe(404);
  });
});

it.each([
  ['GET', '/v1/embeddings', 'POST'],
  ['HEAD', '/v1/embeddings', 'POST'],
  ['PUT', '/v1/models', 'GET, HEAD'],
  ['DELETE', `/v1/models/org/name`, 'GET, HEAD'],
  ['PATCH', '/', 'GET, HEAD, POST'],
])('answers %s %s with the methods that there are', async (method, path, allowed) => {
  // What is no JSON is not even read.
  const body = method === 'GET' || method === 'HEAD' ? undefined : '{';
  const response = await fetch(server.url + path, { method, body });
  expect([response.status, response.headers.get('allow')]).toEqual([405, allowed]);
  if (method === 'GET')
    expect(await response.json()).toEqual({
      error: {
        message: 'There is no GET /v1/embeddings, only POST',
        type: 'invalid_request_error',
        param: null,
        code: 'method_not_supported',
      },
    });
});

it('reports unknown routes in the shape of the API', async () => {
  const { status, body } = await server.get('/v1/nothing');
  expect(status).toBe(404);
  expect(body.error.message).toBe('There is no GET /v1/nothing');
});
