import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { deflateSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { fixture } from '../text/goldens.js';
import { metric, raw, TINY, testServer, until } from './support.js';

const MODEL = 'tiny-bert-cls';
const server = testServer({
  models: [TINY, ...['tiny-crossencoder', 'tiny-clip'].map((name) => fixture(`models/${name}`))],
});

/** Whatever came before, the next client is served, and nothing is left in progress. */
afterEach(async () => {
  expect((await server.post('/v1/embeddings', { model: MODEL, input: 'a' })).status).toBe(200);
  await until(async () => (await metric(server.url, 'requests_active')) === 0);
});

describe('too much', () => {
  it.each<[string, string, string, string]>([
    ['texts', '/v1/embeddings', `{"model":"${MODEL}","input":[`, '"a"'],
    ['token ids', '/v1/embeddings', `{"model":"${MODEL}","input":[`, '[1]'],
    ['documents', '/v1/rerank', '{"query":"a","documents":[', '"a"'],
    ['pairs', '/predict', '{"inputs":[', '["a","b"]'],
  ])('refuses a million %s', async (_, path, head, item) => {
    const { status } = await server.post(path, `${head}${Array(1_000_000).fill(item).join(',')}]}`);
    expect([400, 422]).toContain(status);
  });

  it('refuses a body larger than it says that it takes, in every dialect', async () => {
    const body = `{"input":"${'x'.repeat(17 * 2 ** 20)}"}`;
    for (const path of ['/v1/embeddings', '/api/embed', '/embed', '/v1/rerank', '/v2/rerank']) {
      const answer = await server.post(path, body);
      expect(answer.status).toBe(413);
      expect(JSON.stringify(answer.body)).toContain('Request body is larger than');
    }
  });

  it('takes a text of megabytes, and cuts it', async () => {
    const { status, body } = await server.post('/v1/embeddings', {
      model: MODEL,
      input: 'word '.repeat(400_000),
    });
    expect([status, body.usage.total_tokens]).toEqual([200, server.model.maxTokens]);
  });

  it('does not unpack a picture of ten billion pixels', async () => {
    const { status, body } = await server.post('/v1/embeddings', {
      ...{ model: 'tiny-clip', input: [{ image: hugePng(100_000, 100_000) }] },
    });
    expect(status).toBe(400);
    expect(body.error.message).toMatch(/input\[0\].*100000|pixels/);
  });

  it('refuses a URL that is too long', async () => {
    const { hostname } = new URL(server.url);
    const answer = await raw(
      server.url,
      `GET /v1/models/${'x'.repeat(20_000)} HTTP/1.1\r\nhost: ${hostname}\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1.1 (414|431) /);
  });
});

describe('lengths that are not those of the body', () => {
  const body = JSON.stringify({ model: MODEL, input: 'a', encoding_format: 'base64' });
  const request = (...headers: string[]) =>
    ['POST /v1/embeddings HTTP/1.1', 'host: x', ...headers, '', body].join('\r\n');

  it.each([
    ['negative', ['content-length: -5']],
    ['no number', ['content-length: many']],
    ['two of them', ['content-length: 5', `content-length: ${body.length}`]],
    ['one, and chunks', [`content-length: ${body.length}`, 'transfer-encoding: chunked']],
    ['chunks that are none', ['transfer-encoding: chunked']],
    ['an encoding that is none', ['transfer-encoding: gzip']],
  ])('refuses one that is %s', async (_, headers) => {
    const answer = await raw(server.url, request(...headers, 'connection: close')).catch(() => 'reset');
    expect(answer).toMatch(/^(HTTP\/1.1 4\d\d |reset$)/);
    expect(answer).not.toContain('embedding');
  });

  it('never takes what is left of a body for a request', async () => {
    const smuggled = 'GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n';
    const answer = await raw(server.url, `${request('content-length: 5')}${smuggled}`).catch(() => '');
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
    expect(answer).not.toContain('embedlane_requests');
  });
});

describe('clients that go', () => {
  it('forgets those that leave in the middle of their body', async () => {
    const { hostname, port } = new URL(server.url);
    await Promise.all(
      Array.from({ length: 50 }, async () => {
        const socket = connect(Number(port), hostname);
        await new Promise((connected) => socket.once('connect', connected));
        socket.write('POST /v1/embeddings HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{"model":');
        await delay(50);
        socket.destroy();
      }),
    );
  });

  it('forgets those that do not wait for their answer', async () => {
    const input = Array(500).fill('some words of a text');
    await Promise.all(
      Array.from({ length: 20 }, () =>
        fetch(`${server.url}/v1/embeddings`, {
          ...{ method: 'POST', body: JSON.stringify({ model: MODEL, input }) },
          signal: AbortSignal.timeout(30),
        }).catch(() => {}),
      ),
    );
  });

  it('forgets those that leave in the middle of a long answer', async () => {
    const response = await fetch(`${server.url}/v1/embeddings`, {
      method: 'POST',
      body: JSON.stringify({ model: MODEL, input: Array(2048).fill('a') }),
    });
    const reader = (response.body as ReadableStream).getReader();
    await reader.read();
    await reader.cancel();
  });

  it('forgets rerankers and pictures of those that have gone, too', async () => {
    const send = (path: string, body: object) =>
      fetch(`${server.url}${path}`, {
        ...{ method: 'POST', body: JSON.stringify(body), signal: AbortSignal.timeout(30) },
      }).catch(() => {});
    const documents = Array.from({ length: 2000 }, (_, i) => `${i} some words of a document`);
    await send('/v1/rerank', { query: 'a', documents });
    await send('/v1/embeddings', { model: 'tiny-clip', input: documents });
  });
});

describe('what is no HTTP, or none that is known', () => {
  it.each([
    ['noise', '\0\x01\x02\xff\r\n\r\n'],
    ['a TLS greeting', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'.padEnd(200, 'x')],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['an unknown method', 'BREW /v1/embeddings HTTP/1.1\r\nhost: x\r\n\r\n'],
    ['a tunnel', 'CONNECT example.com:443 HTTP/1.1\r\nhost: x\r\n\r\n'],
    ['no host', 'GET /health HTTP/1.1\r\n\r\n'],
    ['a header with a line break', 'GET /health HTTP/1.1\r\nhost: x\r\nx-a: b\rc\r\n\r\n'],
  ])('ends the connection of %s', async (_, request) => {
    const answer = await raw(server.url, request, 3000).catch(() => '');
    expect(answer).not.toMatch(/ 200 /);
  });

  it('stays with HTTP when asked for another protocol', async () => {
    const upgrade =
      'connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: x\r\nsec-websocket-version: 13';
    const answer = await raw(server.url, `GET /health HTTP/1.1\r\nhost: x\r\n${upgrade}\r\n\r\n`, 1500);
    expect(answer).not.toMatch(/ 101 /);
  });

  it.each(['PUT', 'DELETE', 'PATCH', 'TRACE'])('has no %s', async (method) => {
    const answer = await raw(
      server.url,
      `${method} /v1/embeddings HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}`,
    );
    expect(answer).toMatch(/^HTTP\/1.1 40\d /);
  });

  it.each([
    '/v1/models/../../etc/passwd',
    '/v1/models/..%2f..%2fetc%2fpasswd',
    '/assets/../../package.json',
    '/assets/%2e%2e/app.js',
    '/v1/models/%',
    '/%c0%ae%c0%ae/',
  ])('opens no file for %s', async (path) => {
    const answer = await raw(server.url, `GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1.1 40[04] /);
    expect(answer).not.toMatch(/root:|"dependencies"/);
  });
});

describe('models that are none of the server', () => {
  const NAMES = [
    '../../etc',
    '/etc/passwd',
    'C:\\Windows',
    '%2e%2e/etc',
    'a\0b',
    'NUL',
    'file:///etc',
    '__proto__',
  ];

  it.each(NAMES)('are not looked for on the disk: %j', async (model) => {
    const bodies: [string, object, number][] = [
      ['/v1/embeddings', { model, input: 'a' }, 404],
      ['/api/embed', { model, input: 'a' }, 404],
      ['/api/show', { model }, 404],
      ['/embed', { model, inputs: 'a' }, 404],
      ['/v1/rerank', { model, query: 'a', documents: ['a'] }, 404],
    ];
    for (const [path, body, status] of bodies) {
      const answer = await server.post(path, body);
      expect([path, answer.status]).toEqual([path, status]);
      expect(JSON.stringify(answer.body)).toMatch(/does not exist|not found/);
    }
  });
});

describe('odd JSON', () => {
  it.each<[string, string, number]>([
    ['a number out of range', `{"model":"${MODEL}","input":[1e400]}`, 400],
    ['a negative zero', `{"model":"${MODEL}","input":[-0]}`, 200],
    ['half a surrogate pair', `{"model":"${MODEL}","input":"\\ud800 a"}`, 200],
    ['a NUL', `{"model":"${MODEL}","input":"a\\u0000b"}`, 200],
    ['a byte order mark', `\ufeff{"model":"${MODEL}","input":"a"}`, 200],
    ['comments', `{"model":"${MODEL}",/* a */"input":"a"}`, 400],
    ['two documents', `{"model":"${MODEL}","input":"a"}{}`, 400],
    ['NaN', `{"model":"${MODEL}","input":"a","dimensions":NaN}`, 400],
    [
      'names of what objects inherit',
      `{"model":"${MODEL}","input":"a","toString":1,"hasOwnProperty":2}`,
      200,
    ],
    ['__proto__ in a document', '{"query":"a","documents":[{"text":"a","__proto__":{"x":1}}]}', 400],
  ])('answers %s with %i', async (_, body, status) => {
    const path = body.includes('documents') ? '/v1/rerank' : '/v1/embeddings';
    expect((await server.post(path, body)).status).toBe(status);
    expect(({} as { x?: number }).x).toBeUndefined();
  });
});

/** A PNG whose header promises more than there is: one row of nothing. */
function hugePng(width: number, height: number): string {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const out = Buffer.alloc(body.length + 8);
    out.writeUInt32BE(data.length, 0);
    body.copy(out, 4);
    out.writeUInt32BE(crc32(body), body.length + 4);
    return out;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 0, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const data = deflateSync(Buffer.alloc(width + 1));
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', data),
    chunk('IEND', Buffer.alloc(0)),
  ]).toString('base64');
}

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
