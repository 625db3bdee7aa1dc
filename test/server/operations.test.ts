import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createServer, type ServerOptions } from '#dist/server/index.js';
import { RateLimiter } from '#dist/server/rate-limiter.js';
import { metric, raw, TINY, testServer, tokensRun, until } from './support.js';

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

  it.each([
    { 'content-type': 'json' },
    { 'content-type': ';;;' },
    { 'content-type': 'application/json; charset' },
    { 'content-type': 'multipart/form-data' },
    { 'content-encoding': 'Identity' },
  ] as Record<string, string>[])('takes JSON with %j', async (headers) => {
    expect((await embed(JSON.stringify({ model: MODEL, input: 'a' }), headers)).status).toBe(200);
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
    const answer = await raw(server.url, start);
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
    const request = (input: string, connection: string) => {
      const body = JSON.stringify({ model: MODEL, input, encoding_format: 'base64' });
      const headers = `host: x\r\ncontent-length: ${body.length}\r\nconnection: ${connection}`;
      return `POST /v1/embeddings HTTP/1.1\r\n${headers}\r\n\r\n${body}`;
    };
    const requests = [request('a', 'keep-alive'), request('', 'keep-alive'), request('b', 'close')];
    const answer = await raw(server.url, requests.join(''));
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
    // Whoever may see the page may not embed at the same path.
    expect((await server.get('/')).status).toBe(200);
    expect((await server.post('/', { inputs: 'a' })).status).toBe(401);
  });

  it('needs none for health and metrics', async () => {
    for (const path of ['/health', '/ready', '/ping', '/metrics']) {
      expect((await server.get(path)).status).toBe(200);
    }
  });

  it('lets browsers of the listed origins in', async () => {
    const allowed = await server.get('/health', { origin: 'https://app.example' });
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://app.example');
    expect(allowed.headers.get('access-control-expose-headers')).toBe(
      'retry-after, retry-after-ms, x-request-id',
    );
    const other = await server.get('/health', { origin: 'https://evil.example' });
    expect(other.headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('overload', () => {
  const server = testServer({ models: [TINY], maxConcurrentRequests: 4 });
  const request = { model: MODEL, input: 'some words', encoding_format: 'base64' };
  const send = () => server.post('/v1/embeddings', request);
  const active = (requests: number) =>
    until(async () => (await metric(server.url, 'requests_active')) === requests);
  const head = (body: string, connection: string) =>
    `POST /v1/embeddings HTTP/1.1\r\nhost: x\r\nconnection: ${connection}\r\ncontent-length: ${body.length}\r\n\r\n`;
  const open = () => {
    const { hostname, port } = new URL(server.url);
    return connect(Number(port), hostname);
  };

  /** Takes all the room that there is, by clients that have not said everything yet. */
  async function fill() {
    const body = JSON.stringify(request);
    const sockets = Array.from({ length: 4 }, open);
    for (const socket of sockets) socket.write(head(body, 'close') + body.slice(0, 10));
    await active(4);
    return { sockets, rest: body.slice(10) };
  }

  it('refuses at once what it has no room for, and says when to come back', async () => {
    const { sockets, rest } = await fill();
    const refused = await Promise.all(Array.from({ length: 20 }, send));
    expect(new Set(refused.map(({ status }) => status))).toEqual(new Set([429]));
    const waits = refused.map(({ headers }) => Number(headers.get('retry-after-ms')));
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(500);
    expect(Math.max(...waits)).toBeLessThanOrEqual(1500);
    // Not all at the same moment.
    expect(new Set(waits).size).toBeGreaterThan(1);
    const seconds = refused.map(({ headers }) => Number(headers.get('retry-after')));
    expect(seconds).toEqual(waits.map((wait) => Math.ceil(wait / 1000)));
    expect(refused[0].body.error.code).toBe('server_overloaded');

    const answers = sockets.map((socket) => text(socket));
    for (const socket of sockets) socket.write(rest);
    for (const answer of answers) expect(await answer).toMatch(/^HTTP\/1.1 200 /);
    await active(0);
    expect((await send()).status).toBe(200);
  });

  it('refuses by the head of a request alone, and keeps the connection', async () => {
    const { sockets } = await fill();
    const client = open();
    let answers = '';
    client.setEncoding('latin1').on('data', (part: string) => {
      answers += part;
    });
    const refused = (times: number) => until(async () => answers.match(/HTTP\/1.1 429 /g)?.length === times);
    const long = 'x'.repeat(1_000_000);
    client.write(head(long, 'keep-alive'));
    await refused(1);
    // What is no JSON is not looked at, and the next request is found behind it.
    client.write(long + head('', 'keep-alive'));
    await refused(2);
    for (const socket of sockets) socket.destroy();
    await active(0);
    const body = JSON.stringify(request);
    client.write(head(body, 'close') + body);
    await until(async () => answers.includes('HTTP/1.1 200 '));
  });

  it('needs no more room for a body without a length than it turns out to have', async () => {
    await using small = await createServer({ models: [TINY], port: 0, maxTotalBodyBytes: 20 * 2 ** 20 });
    const stop = new AbortController();
    const sendInPieces = (input: unknown) => {
      const body = new Blob([JSON.stringify({ model: MODEL, input })]).stream();
      const options = { method: 'POST', body, duplex: 'half', signal: stop.signal } as const;
      return fetch(`${small.url}/v1/embeddings`, options);
    };
    const texts = Array.from({ length: 2000 }, (_, i) => `${i} some words of a text`.repeat(10));
    const long = sendInPieces(texts).catch(() => {});
    await until(async () => ((await metric(small.url, 'model_batches')) ?? 0) > 0);
    expect((await sendInPieces('a')).status).toBe(200);
    stop.abort();
    await long;
  });

  it('gets back the room of all requests of a client that has gone', async () => {
    const body = JSON.stringify({
      model: MODEL,
      input: Array.from({ length: 2000 }, (_, i) => `${i} some words of a text`.repeat(10)),
    });
    const client = open();
    // Those behind the first wait for its answer.
    client.write((head(body, 'keep-alive') + body).repeat(3));
    await active(3);
    client.destroy();
    await active(0);
  });
});

// The limits are so low that a minute would have to pass for a request more.
describe('rate limits', () => {
  const server = testServer({
    ...{ models: [TINY], apiKeys: ['a', 'b', 'c'] },
    rateLimit: { requestsPerMinute: 1, tokensPerMinute: 100 },
  });
  const send = (key: string, input: unknown) =>
    server.post('/v1/embeddings', { model: MODEL, input }, { authorization: `Bearer ${key}` });

  it('count requests by key', async () => {
    expect((await send('a', 'x')).status).toBe(200);
    const { status, headers, body } = await send('a', 'x');
    expect([status, body.error.code]).toEqual([429, 'rate_limit_exceeded']);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(1);
    expect((await send('b', 'x')).status).toBe(200);
  });
});

describe.each([
  [{ requestsPerMinute: 1 }, 'x'],
  [{ tokensPerMinute: 1 }, Array(100).fill('several words here')],
])('a limit of %j alone', (rateLimit, input) => {
  const server = testServer({ models: [TINY], rateLimit });

  it('holds', async () => {
    const send = () => server.post('/v1/embeddings', { model: MODEL, input });
    expect((await send()).status).toBe(200);
    // Tokens are taken when the answer has been sent, which its reader may know before the server does.
    await until(async () => (await send()).status === 429);
    expect((await send()).status).toBe(429);
  });
});

describe('a bucket of rates', () => {
  const MINUTE = 60_000;

  it('has a minute of requests at once, then as many per minute', () => {
    const rates = new RateLimiter({ requestsPerMinute: 5 });
    for (let i = 0; i < 5; i++) rates.take('a', 0);
    expect(() => rates.take('a', 0)).toThrow(expect.objectContaining({ retryAfter: 12 }));
    expect(() => rates.take('a', MINUTE / 5 - 1)).toThrow();
    rates.take('a', MINUTE / 5 + 1);
    expect(() => rates.take('a', MINUTE / 5 + 1)).toThrow();
    rates.take('b', MINUTE / 5);
  });

  it('may be overdrawn by tokens, once', () => {
    const rates = new RateLimiter({ tokensPerMinute: 100 });
    rates.take('a', 0);
    rates.spend('a', 300, 0);
    expect(() => rates.take('a', MINUTE)).toThrow(expect.objectContaining({ kind: 'rate_limited' }));
    rates.take('a', 2 * MINUTE + 1000);
  });

  it('remembers who has overdrawn, however many others come', () => {
    const rates = new RateLimiter({ tokensPerMinute: 100 });
    rates.take('a', 0);
    rates.spend('a', 1000, 0);
    for (let i = 0; i < 30_000; i++) rates.take(`other ${i}`, 2 * MINUTE);
    expect(() => rates.take('a', 2 * MINUTE)).toThrow(expect.objectContaining({ kind: 'rate_limited' }));
  });

  it('forgets who has got all back, and takes no longer for a new client the more there are', () => {
    const rates = new RateLimiter({ requestsPerMinute: 100 });
    const started = performance.now();
    for (let i = 0; i < 100_000; i++) rates.take(`client ${i}`, i / 1000);
    // With a look at all of them for each one that is new, minutes.
    expect(performance.now() - started).toBeLessThan(20_000);
    for (let i = 0; i < 100_000; i++) rates.take(`later ${i}`, MINUTE + i);
    expect(rates.clients).toBeLessThan(11_000);
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
  const inProgress = (url: string) => until(async () => ((await metric(url, 'requests_active')) ?? 0) > 0);

  it('lets requests in progress end when it closes', async () => {
    const server = await start();
    const texts = Array.from({ length: 2000 }, (_, i) => `some words of a longer text ${i}`);
    const pending = send(server.url, texts);
    await inProgress(server.url);
    const [answer] = await Promise.all([pending, server.close()]);
    expect(answer.status).toBe(200);
    // Its client is not to send another request where nobody will read it.
    expect(answer.headers.get('connection')).toBe('close');
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

  /** Some seconds of work. */
  const longWork = (first = 0) =>
    Array.from({ length: 8000 }, (_, i) => `${first + i} some words of a longer text`.repeat(20));

  it('drops the work of a client that has gone', async () => {
    await using server = await start({ maxInputs: 8000 });
    const stop = new AbortController();
    const pending = send(server.url, longWork(), stop.signal).catch(() => 'gone');
    await inProgress(server.url);
    stop.abort();
    expect(await pending).toBe('gone');
    expect((await send(server.url, 'a')).status).toBe(200);
    await until(async () => (await metric(server.url, 'requests_active')) === 0);
    expect(await tokensRun(server.url)).toBeLessThan(8000 * 64);
  });

  it('drops all work of a connection that is lost, also what waits behind another answer', async () => {
    await using server = await start({ maxInputs: 8000 });
    const request = (first: number) => {
      const body = JSON.stringify({ model: MODEL, input: longWork(first) });
      return `POST /v1/embeddings HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    };
    const { hostname, port } = new URL(server.url);
    const socket = connect({ host: hostname, port: Number(port) });
    socket.write(request(0) + request(8000));
    await until(async () => (await metric(server.url, 'requests_active')) === 2);
    socket.destroy();
    await until(async () => (await metric(server.url, 'requests_active')) === 0);
    // On a busy machine the first may be done by the time that the second is seen.
    expect(await tokensRun(server.url)).toBeLessThan(2 * 8000 * 64);
  });

  it('loads models when they are asked for and unloads them when idle', async () => {
    await using server = await start({ models: [TINY, 'all-MiniLM-L6-v2'], preload: false, keepAlive: 0 });
    const running = async () =>
      ((await (await fetch(`${server.url}/api/ps`)).json()) as { models: unknown[] }).models.length;
    expect(await running()).toBe(0);
    const answers = await Promise.all(Array.from({ length: 20 }, () => send(server.url, 'a')));
    expect(answers.every(({ ok }) => ok)).toBe(true);
    await until(async () => (await running()) === 0);
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
    // Of a variable that is not set: the server would be open.
    [{ apiKeys: [] }, 'apiKeys'],
    [{ apiKeys: null }, 'apiKeys'],
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
