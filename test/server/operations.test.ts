import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createServer, type ServerOptions } from '#dist/server/index.js';
import { raw, TINY, testServer } from './support.js';

const MODEL = 'tiny-bert-cls';

describe('requests that no client should send', () => {
  const server = testServer({ models: [TINY], maxBodyBytes: 100_000, requestTimeout: 1500, maxInputs: 100 });
  const embed = (body: unknown, headers = {}) => server.post('/v1/embeddings', body, headers);

  it.each<[string, string | Uint8Array, number]>([
    ['nothing', '', 400],
    ['no JSON', '{"a":', 400],
    ['an array', '[]', 400],
    ['null', 'null', 400],
    ['not UTF-8', Buffer.from([0x22, 0xff, 0xfe, 0x22]), 400],
    ['deep nesting', '['.repeat(50_000), 400],
    ['closed deep nesting', `{"model":"m","input":${'['.repeat(40_000)}${']'.repeat(40_000)}}`, 400],
    ['__proto__', '{"__proto__":{"model":"x"},"input":"a","model":"m"}', 400],
    ['constructor.prototype', '{"constructor":{"prototype":{"a":1}},"model":"m","input":"a"}', 400],
    ['too many bytes', `{"input":"${'x'.repeat(200_000)}"}`, 413],
    ['too many texts', JSON.stringify({ model: MODEL, input: Array(1000).fill('a') }), 400],
  ])('refuses %s', async (_, body, status) => {
    const answer = await embed(body, { 'content-type': 'application/json' });
    expect(answer.status).toBe(status);
    expect(answer.body.error).toMatchObject({ message: expect.any(String), type: 'invalid_request_error' });
  });

  it('takes the last of duplicate keys, as JSON parsers do', async () => {
    expect((await embed(`{"model":"nope","model":"${MODEL}","input":"a"}`)).status).toBe(200);
  });

  it('refuses compressed bodies', async () => {
    const bomb = gzipSync(Buffer.alloc(10_000_000, ' '));
    const { status, body } = await embed(bomb, { 'content-encoding': 'gzip' });
    expect(status).toBe(415);
    expect(body.error.message).toContain('gzip');
  });

  it('refuses a body whose length is a lie, at once', async () => {
    const answer = await raw(
      server.url,
      'POST /v1/embeddings HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\nconnection: close\r\n\r\n{}',
    );
    expect(answer).toMatch(/^HTTP\/1.1 413 /);
  });

  it('refuses an endless body', async () => {
    const chunk = `4000\r\n${' '.repeat(0x4000)}\r\n`;
    const head = 'POST /v1/embeddings HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n';
    const answer = await raw(server.url, [head, ...Array(20).fill(chunk)]).catch(() => 'reset');
    expect(answer).toMatch(/^HTTP\/1.1 413 |^reset$/);
  });

  it.each([
    ['headers', 'POST /v1/embeddings HTTP/1.1\r\nhost: x\r\nx-slow: '],
    ['a body', 'POST /v1/embeddings HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"mod'],
  ])('ends the connection of a client that is too slow with %s', async (_, start) => {
    const answer = await raw(server.url, start, 10_000);
    expect(answer).toMatch(/^HTTP\/1.1 408 /);
  });

  it('refuses headers that are too large', async () => {
    const answer = await raw(
      server.url,
      `GET /health HTTP/1.1\r\nhost: x\r\nx-large: ${'x'.repeat(20_000)}\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1.1 431 /);
  });

  it('answers pipelined requests in order', async () => {
    const request = (input: string) => {
      const body = JSON.stringify({ model: MODEL, input, encoding_format: 'base64' });
      return `POST /v1/embeddings HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    };
    const answer = await raw(server.url, [request('a'), request(''), request('b')].join(''), 1000);
    expect(Array.from(answer.matchAll(/HTTP\/1.1 (\d+)/g), ([, status]) => status)).toEqual([
      '200',
      '400',
      '200',
    ]);
  });

  it('is alive after all that', async () => {
    expect((await embed({ model: MODEL, input: 'a' })).status).toBe(200);
    expect((await server.get('/health')).status).toBe(200);
  });
});

describe('keys', () => {
  const server = testServer({ models: [TINY], apiKeys: ['sk-one', 'sk-two'], cors: ['https://app.example'] });
  const request = { model: MODEL, input: 'a' };

  it.each([
    { authorization: 'Bearer sk-one' },
    { authorization: 'bearer sk-two' },
    { 'x-api-key': 'sk-one' },
    { 'api-key': 'sk-two' },
  ])('lets in %j', async (headers) => {
    expect((await server.post('/v1/embeddings', request, headers as never)).status).toBe(200);
  });

  it.each([
    {},
    { authorization: 'Bearer sk-three' },
    { authorization: 'Bearer sk-onex' },
    { authorization: 'Bearer ' },
    { authorization: 'Basic sk-one' },
    { 'x-api-key': '' },
  ])('keeps out %j', async (headers) => {
    const answer = await server.post('/v1/embeddings', request, headers as never);
    expect(answer.status).toBe(401);
    expect(answer.body.error.code).toBe('invalid_api_key');
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    expect(JSON.stringify(answer.body)).not.toContain('sk-');
  });

  it('says so in every dialect', async () => {
    expect((await server.post('/api/embed', request)).body).toEqual({ error: 'Missing API key' });
    expect((await server.post('/embed', request)).body.error_type).toBe('Unauthorized');
    const path = '/api/v1/services/embeddings/text-embedding/text-embedding';
    expect((await server.post(path, request)).body.code).toBe('InvalidApiKey');
    expect((await server.get('/nothing')).status).toBe(401);
  });

  it('needs none for health and metrics', async () => {
    for (const path of ['/health', '/ready', '/ping', '/metrics']) {
      expect((await server.get(path)).status).toBe(200);
    }
  });

  it('lets browsers of the listed origins in', async () => {
    const allowed = await server.get('/health', { origin: 'https://app.example' });
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://app.example');
    const other = await server.get('/health', { origin: 'https://evil.example' });
    expect(other.headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('overload', () => {
  const server = testServer({ models: [TINY], maxConcurrentRequests: 4 });
  const request = (i: number) =>
    server.post('/v1/embeddings', {
      model: MODEL,
      input: Array(200).fill(`some words ${i}`),
      encoding_format: 'base64',
    });

  it('refuses at once what it has no room for, and says when to come back', async () => {
    const answers = await Promise.all(Array.from({ length: 60 }, (_, i) => request(i)));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(4);
    expect(answers.every(({ status }) => status === 200 || status === 429)).toBe(true);
    expect(refused[0].headers.get('retry-after')).toBe('1');
    expect(refused[0].body.error.code).toBe('server_overloaded');
    expect((await request(0)).status).toBe(200);
  });
});

describe('rate limits', () => {
  const server = testServer({
    ...{ models: [TINY], apiKeys: ['a', 'b', 'c'] },
    rateLimit: { requestsPerMinute: 5, tokensPerMinute: 100 },
  });
  const send = (key: string, input: unknown) =>
    server.post('/v1/embeddings', { model: MODEL, input }, { authorization: `Bearer ${key}` });

  it('count requests by key', async () => {
    for (let i = 0; i < 5; i++) expect((await send('a', 'x')).status).toBe(200);
    const { status, headers, body } = await send('a', 'x');
    expect([status, body.error.code]).toEqual([429, 'rate_limit_exceeded']);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(1);
    expect((await send('b', 'x')).status).toBe(200);
  });

  it('count tokens by key', async () => {
    expect((await send('c', Array(100).fill('several words here'))).status).toBe(200);
    await delay(50);
    expect((await send('c', 'x')).status).toBe(429);
  });
});

describe.each([
  [{ requestsPerMinute: 2 }, 'x'],
  [{ tokensPerMinute: 10 }, Array(20).fill('several words here')],
])('a limit of %j alone', (rateLimit, input) => {
  const server = testServer({ models: [TINY], rateLimit });

  it('holds', async () => {
    const statuses: number[] = [];
    for (let i = 0; i < 3; i++) {
      statuses.push((await server.post('/v1/embeddings', { model: MODEL, input })).status);
      await delay(30);
    }
    expect(statuses[0]).toBe(200);
    expect(statuses[2]).toBe(429);
  });
});

describe('lifetime', () => {
  const start = (options: ServerOptions = {}) => createServer({ models: [TINY], port: 0, ...options });
  const send = (url: string, input: unknown, signal?: AbortSignal) =>
    fetch(`${url}/v1/embeddings`, {
      ...{ method: 'POST', signal: signal ?? null },
      body: JSON.stringify({ model: MODEL, input, encoding_format: 'base64' }),
    });

  /** Waits until a request is in the server's hands. */
  async function inProgress(url: string): Promise<void> {
    const active = async () =>
      /embedlane_requests_active (\d+)/.exec(await (await fetch(`${url}/metrics`)).text())?.[1];
    while ((await active()) === '0') await delay(5);
  }

  it('lets requests in progress end when it closes', async () => {
    const server = await start();
    const pending = send(server.url, Array(2000).fill('some words of a longer text'));
    await inProgress(server.url);
    const [answer] = await Promise.all([pending, server.close()]);
    expect(answer.status).toBe(200);
    expect(((await answer.json()) as { data: unknown[] }).data).toHaveLength(2000);
    await expect(send(server.url, 'a')).rejects.toThrow();
    await server.close();
  });

  it('ends them when they take too long', async () => {
    const server = await start({ drainTimeout: 0 });
    const texts = Array.from({ length: 2000 }, (_, i) => `${i} some words of a longer text`.repeat(20));
    const pending = send(server.url, texts);
    const failed = expect(pending).rejects.toThrow();
    await inProgress(server.url);
    await server.close();
    await failed;
  });

  it('drops the work of a client that has gone', async () => {
    await using server = await start();
    const stop = new AbortController();
    const texts = Array.from({ length: 2000 }, (_, i) => `${i} some words of a longer text`.repeat(20));
    const pending = send(server.url, texts, stop.signal).catch(() => 'gone');
    await inProgress(server.url);
    stop.abort();
    expect(await pending).toBe('gone');
    expect((await send(server.url, 'a')).status).toBe(200);
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    const tokens = Number(/embedlane_model_tokens\{.*\} (\d+)/.exec(metrics)?.[1]);
    expect(tokens).toBeLessThan(2000 * 64);
    expect(metrics).toMatch(/embedlane_requests_active 0/);
  });

  it('loads models when they are asked for and unloads them when idle', async () => {
    await using server = await start({ models: [TINY, 'all-MiniLM-L6-v2'], preload: false, keepAlive: 0 });
    const running = async () =>
      ((await (await fetch(`${server.url}/api/ps`)).json()) as { models: unknown[] }).models.length;
    expect(await running()).toBe(0);
    const answers = await Promise.all(Array.from({ length: 20 }, () => send(server.url, 'a')));
    expect(answers.every(({ ok }) => ok)).toBe(true);
    await delay(300);
    expect(await running()).toBe(0);
    expect((await send(server.url, 'a')).status).toBe(200);
    const other = { model: 'all-MiniLM-L6-v2', input: 'a', keep_alive: '1h' };
    await fetch(`${server.url}/api/embed`, { method: 'POST', body: JSON.stringify(other) });
    expect(await running()).toBeGreaterThanOrEqual(1);
  });

  it.each<[unknown, string]>([
    [{ models: [] }, 'models'],
    [{ models: [7] }, 'models[0]'],
    [{ port: 70_000 }, 'port'],
    [{ apiKeys: [''] }, 'apiKeys'],
    [{ apiKeys: 'sk-secret' }, 'apiKeys'],
    [{ aliases: { a: 'b' } }, "aliases['a']"],
    [{ rateLimit: { requestsPerMinute: 0 } }, 'rateLimit.requestsPerMinute'],
    [{ maxInput: 3 }, "did you mean 'maxInputs'"],
    [{ cors: 'all' }, 'cors'],
  ])('refuses %j', async (options, name) => {
    const error = await start(options as never).then(
      () => undefined,
      (error) => error,
    );
    expect(error).toMatchObject({ code: 'ERR_INVALID_ARG' });
    expect(error.message).toContain(name);
  });

  it('reports an address that is taken and a model that is not there, and leaves nothing behind', async () => {
    await using server = await start();
    await expect(start({ port: server.port })).rejects.toMatchObject({ code: 'ERR_IO' });
    await expect(start({ models: ['./nowhere'] })).rejects.toMatchObject({ code: 'ERR_MODEL_NOT_FOUND' });
  });

  it('knows models by their aliases', async () => {
    await using server = await start({ aliases: { 'text-embedding-3-small': TINY, '*': TINY } });
    for (const model of ['text-embedding-3-small', 'anything', MODEL]) {
      const body = JSON.stringify({ model, input: 'a' });
      const answer = await fetch(`${server.url}/v1/embeddings`, { method: 'POST', body });
      expect(((await answer.json()) as { model: string }).model).toBe(model);
    }
  });
});
