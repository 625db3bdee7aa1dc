import { gzipSync } from 'node:zlib';
import { describe, expect, it, vi } from 'vitest';
import { OpenAIEmbedder, RemoteError } from '#dist/providers/index.js';
import { json, openAIHost, vectorOf } from './support.js';

const { host, create } = await openAIHost();

describe('encode', () => {
  it('returns one row per text, in order', async () => {
    await using model = create();
    const vectors = await model.encode(['a', 'bb', 'ccc']);
    expect(vectors.toArrays()).toEqual([vectorOf('a'), vectorOf('bb'), vectorOf('ccc')]);
    expect(model.dimensions).toBe(3);
    expect(host.seen).toHaveLength(1);
    expect(host.seen[0]).toMatchObject({
      method: 'POST',
      path: '/v1/embeddings',
      headers: { authorization: 'Bearer sk-secret' },
      body: { model: 'm', input: ['a', 'bb', 'ccc'], encoding_format: 'float' },
    });
  });

  it('sorts by index', async () => {
    host.answer = ({ body }, response) =>
      json(response, {
        data: body.input
          .map((text: string, index: number) => ({ index, embedding: vectorOf(text) }))
          .reverse(),
      });
    await using model = create();
    expect((await model.encode(['a', 'bb', 'ccc'])).toArrays()).toEqual(
      ['a', 'bb', 'ccc'].map((t) => vectorOf(t)),
    );
  });

  it('splits by count and by bytes, and keeps the order over many requests at a time', async () => {
    await using model = create({ batchSize: 7, concurrency: 3 });
    const texts = Array.from({ length: 50 }, (_, i) => 'x'.repeat(i + 1));
    const progress: number[] = [];
    const vectors = await model.encode(texts, { onProgress: ({ completed }) => progress.push(completed) });
    expect(vectors.toArrays()).toEqual(texts.map((text) => vectorOf(text)));
    expect(host.seen).toHaveLength(8);
    expect(progress.at(-1)).toBe(50);

    host.seen.length = 0;
    await using wide = create();
    await wide.encode(['a'.repeat(200_000), 'b'.repeat(100_000), 'c', 'd'.repeat(400_000)]);
    expect(host.seen.map(({ body }) => body.input.length).sort()).toEqual([1, 1, 2]);
  });

  it('reads base64', async () => {
    host.answer = ({ body }, response) => {
      expect(body.encoding_format).toBe('base64');
      const embedding = Buffer.from(Float32Array.of(1, -2, 0.5).buffer).toString('base64');
      json(response, { data: [{ index: 0, embedding }] });
    };
    await using model = create({ encodingFormat: 'base64' });
    expect((await model.encode('a')).toArrays()).toEqual([[1, -2, 0.5]]);
  });

  it('cuts and normalises', async () => {
    await using model = create();
    const [row] = (await model.encode('abc', { truncateDim: 2, normalize: true })).toArrays();
    const length = Math.hypot(3, 3.125);
    expect(row[0]).toBeCloseTo(3 / length, 6);
    expect(row[1]).toBeCloseTo(3.125 / length, 6);
    await expect(model.encode('a', { truncateDim: 4 })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
  });

  it('takes the whole endpoint for a base URL, and asks for dimensions', async () => {
    await using model = create({ baseURL: `${host.url}/compatible-mode/v1/embeddings/`, dimensions: 3 });
    expect(await model.embedQuery('abc')).toEqual(vectorOf('abc'));
    expect(await model.embedDocuments(['a', 'b'])).toEqual([vectorOf('a'), vectorOf('b')]);
    expect(host.seen[0]).toMatchObject({ path: '/compatible-mode/v1/embeddings', body: { dimensions: 3 } });
  });

  it('asks for nothing when there are no texts', async () => {
    await using model = create({ dimensions: 3 });
    expect(await model.encode([])).toMatchObject({ rows: 0, dims: 3 });
    expect(host.seen).toHaveLength(0);
  });
});

describe('bad input', () => {
  it.each([
    [{ model: 7 }, 'model'],
    [{ baseURL: 'ftp://x' }, 'baseURL'],
    [{ baseURL: 'http://user:secret@x' }, 'baseURL'],
    [{ dimensions: 0 }, 'dimensions'],
    [{ concurrency: 1.5 }, 'concurrency'],
    [{ timeout: -1 }, 'timeout'],
    [{ headers: { a: 1 } }, "headers['a']"],
    [{ headers: { 'a b': 'secret' } }, 'headers'],
    // The host would wait for bytes that never come, an attempt's whole time, five times.
    [{ headers: { 'Content-Length': '3' } }, "'content-length'"],
    [{ headers: { 'Transfer-Encoding': 'chunked' } }, "'transfer-encoding'"],
    [{ apiKey: 'secret\nsecret' }, 'apiKey'],
    [{ apiKey: 'secret…' }, 'apiKey'],
    [{ encodingFormat: 'hex' }, 'encodingFormat'],
    [{ dimension: 3 }, "did you mean 'dimensions'"],
  ])('refuses %j', (options, name) => {
    const error = (() => {
      try {
        return create(options);
      } catch (error) {
        return error as Error;
      }
    })();
    expect(error).toMatchObject({ code: 'ERR_INVALID_ARG' });
    expect((error as Error).message).toContain(name);
    expect((error as Error).message).not.toContain('secret');
  });

  it('refuses a key of the environment that no header can have, by the name of its variable', () => {
    vi.stubEnv('OPENAI_API_KEY', 'secret\nsecret');
    try {
      expect(() => create({ apiKey: undefined })).toThrow(/^(?!.*secret).*OPENAI_API_KEY$/s);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('wants a key for the provider itself', () => {
    const { OPENAI_API_KEY: key, OPENAI_BASE_URL: url } = process.env;
    delete process.env.OPENAI_API_KEY;
    delete process.env.OPENAI_BASE_URL;
    try {
      expect(() => new OpenAIEmbedder()).toThrow(/OPENAI_API_KEY/);
    } finally {
      if (key !== undefined) process.env.OPENAI_API_KEY = key;
      if (url !== undefined) process.env.OPENAI_BASE_URL = url;
    }
  });

  it('refuses texts that are none', async () => {
    await using model = create();
    await expect(model.encode([1] as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
    await expect(model.embedQuery(undefined as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
    expect(host.seen).toHaveLength(0);
  });
});

describe('answers that are no embeddings', () => {
  const data = (...embeddings: unknown[]) => ({
    data: embeddings.map((embedding, index) => ({ index, embedding })),
  });
  it.each<[string, unknown]>([
    ['nothing', null],
    ['no data', {}],
    ['too few', data([1, 2])],
    ['too many', data([1], [1], [1])],
    ['other widths', data([1, 2], [1, 2, 3])],
    ['no numbers', data([1, 'a'], [1, 2])],
    ['null for NaN', data([1, null], [1, 2])],
    ['beyond float32', data([1, 1e300], [1, 2])],
    ['empty vectors', data([], [])],
    ['base64 that is none', data('!!!!', '====')],
    ['base64 of NaN', data('AADAfw==', 'AADAfw==')],
    [
      'an index twice',
      {
        data: [
          { index: 0, embedding: [1] },
          { index: 0, embedding: [2] },
        ],
      },
    ],
    [
      'an index out of range',
      {
        data: [
          { index: 0, embedding: [1] },
          { index: 2, embedding: [2] },
        ],
      },
    ],
    ['no index', { data: [{ embedding: [1] }, { embedding: [2] }] }],
  ])('refuses %s', async (_, body) => {
    host.answer = (_, response) => json(response, body);
    await using model = create();
    await expect(model.encode(['a', 'b'])).rejects.toMatchObject({
      name: 'EmbedlaneError',
      code: 'ERR_REMOTE',
    });
  });

  it('refuses another width than was asked for', async () => {
    await using model = create({ dimensions: 2 });
    await expect(model.encode('a')).rejects.toThrow('Expected vectors of 2 dimensions from OpenAI');
  });

  it('refuses what is not JSON', async () => {
    host.answer = (_, response) => response.end('<html>Login</html>');
    await using model = create();
    await expect(model.encode('a')).rejects.toThrow('Expected JSON from OpenAI');
  });

  it('refuses bytes that are no text', async () => {
    host.answer = (_, response) => response.end(Buffer.from([0xff, 0xfe, 0x00, 0x80]));
    await using model = create();
    await expect(model.encode('a')).rejects.toThrow('Expected JSON from OpenAI');
  });

  it('refuses a large answer that is no JSON', async () => {
    host.answer = (_, response) => response.end(`{"data":[${'1,'.repeat(200_000)}`);
    await using model = create();
    await expect(model.encode('a')).rejects.toThrow('Expected JSON from OpenAI');
  });

  it('reads a large answer without holding up the event loop', async () => {
    const row = Array.from({ length: 3000 }, (_, i) => i / 7);
    host.answer = (_, response) => json(response, data(...Array(100).fill(row)));
    await using model = create();
    const vectors = await model.encode(Array(100).fill('a'));
    expect([vectors.rows, vectors.dims, vectors.row(99)[2999]]).toEqual([100, 3000, Math.fround(2999 / 7)]);
  });

  it('unpacks no more than an answer may have', async () => {
    const packed = gzipSync(Buffer.alloc(260 * 2 ** 20, ' '));
    host.answer = (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(packed);
    await using model = create({ maxRetries: 1 });
    await expect(model.encode('a')).rejects.toThrow('Expected at most 268435456 bytes from OpenAI');
    expect(host.seen).toHaveLength(1);
  });

  it('follows no redirect, so that neither texts nor key reach another host', async () => {
    host.answer = (_, response) => response.writeHead(307, { location: '/elsewhere' }).end();
    await using model = create();
    const error = await model.encode('a').catch((error) => error);
    expect(error).toMatchObject({ status: 307 });
    expect(error.message).toContain('a redirect to /elsewhere');
    expect(host.seen).toHaveLength(1);
  });
});

describe('refusals', () => {
  it("reports a gateway's page by its title", async () => {
    const page = `<!DOCTYPE html>\n<html><head><title>\n 502 Bad Gateway\n</title>${'<style>'.repeat(200)}`;
    host.answer = (_, response) => response.writeHead(502, { 'content-type': 'text/html' }).end(page);
    await using model = create();
    await expect(model.encode('a')).rejects.toMatchObject({
      status: 502,
      providerMessage: '502 Bad Gateway',
      retryable: true,
    });
  });

  it.each<[string, number, unknown, { providerCode?: string; providerMessage?: string }]>([
    [
      'OpenAI',
      401,
      { error: { message: 'bad key', type: 'invalid_request_error', code: 'invalid_api_key' } },
      { providerCode: 'invalid_api_key', providerMessage: 'bad key' },
    ],
    [
      'OpenRouter',
      200,
      { error: { message: 'no credit', code: 402 } },
      { providerCode: '402', providerMessage: 'no credit' },
    ],
    ['Ollama', 404, { error: "model 'x' not found" }, { providerMessage: "model 'x' not found" }],
    [
      'TEI',
      422,
      { error: 'too long', error_type: 'Validation' },
      { providerCode: 'Validation', providerMessage: 'too long' },
    ],
    [
      'DashScope',
      400,
      { code: 'InvalidParameter', message: 'batch size' },
      { providerCode: 'InvalidParameter', providerMessage: 'batch size' },
    ],
    ['Cohere', 400, { message: 'no' }, { providerMessage: 'no' }],
    ['Jina', 422, { detail: 'no' }, { providerMessage: 'no' }],
    ['FastAPI', 422, { detail: [{ msg: 'field required' }] }, { providerMessage: 'field required' }],
  ])('reports %s errors with status, code and message', async (_, status, body, expected) => {
    host.answer = (_, response) => json(response, body, status);
    await using model = create();
    const error = await model.encode('a').catch((error) => error);
    expect(error).toBeInstanceOf(RemoteError);
    expect(error).toMatchObject({ code: 'ERR_REMOTE', status, retryable: false, ...expected });
  });

  it('never shows the key', async () => {
    host.answer = (_, response) => json(response, { error: { message: 'Incorrect key sk-secret' } }, 401);
    await using model = create();
    const error = await model.encode('a').catch((error) => error);
    expect(error.providerMessage).toBe('Incorrect key ***');
    host.answer = (_, response) => response.end('no key sk-secret');
    const other = await model.encode('a').catch((error) => error);
    expect(other.message).toContain('"no key ***"');
    const { inspect } = await import('node:util');
    expect(
      inspect([error, other], { depth: 9 }) + inspect(model, { depth: 9, showHidden: true }),
    ).not.toContain('sk-secret');
    expect(JSON.stringify(model)).not.toContain('sk-secret');
  });

  it('tries again after 429 and 503, waiting as long as the host says', async () => {
    const answers = [
      (response: never) => json(response, { error: 'busy' }, 429, { 'retry-after-ms': '150' }),
      (response: never) => json(response, { error: 'starting' }, 503),
    ];
    const fine = host.answer;
    host.answer = (request, response) => {
      const next = answers.shift();
      if (next) next(response as never);
      else fine(request, response);
    };
    await using model = create({ maxRetries: 3 });
    expect((await model.encode('abc')).toArrays()).toEqual([vectorOf('abc')]);
    expect(host.seen).toHaveLength(3);
  });

  it('gives up on a host that answers 429 for ever', async () => {
    host.answer = (_, response) => json(response, { error: 'busy' }, 429, { 'retry-after': '0' });
    await using model = create({ maxRetries: 1 });
    await expect(model.encode('a')).rejects.toMatchObject({ status: 429, retryable: true, retryAfter: 0 });
    expect(host.seen).toHaveLength(2);
  });

  it.each([
    ['an account without credit', { error: { code: 'insufficient_quota' } }, {}],
    ['a pause that is too long', { error: 'busy' }, { 'retry-after': '3600' }],
  ])('does not wait for %s', async (_, body, headers) => {
    host.answer = (_, response) => json(response, body, 429, headers);
    await using model = create({ maxRetries: 5 });
    await expect(model.encode('a')).rejects.toMatchObject({ status: 429 });
    expect(host.seen).toHaveLength(1);
  });

  it('stops the other requests when one fails', async () => {
    host.answer = ({ body }, response) => {
      if (body.input[0] === 'bad') json(response, { error: 'no' }, 400);
    };
    await using model = create({ batchSize: 1 });
    await expect(model.encode(['good', 'good', 'bad', 'good'])).rejects.toMatchObject({ status: 400 });
  });
});
