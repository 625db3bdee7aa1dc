import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { checkHubOptions } from '#dist/hub/index.js';
import type { Fault, Seen } from './server.js';
import { FILES, startHub } from './support.js';

const hub = startHub();
const TOKEN = 'hf_secretsecretsecret';

/** Rejects, and says nothing that may not be said. */
async function refusal(call: Promise<unknown>): Promise<{ code: string; message: string }> {
  const error = await call.then(
    () => expect.fail('resolved'),
    (reason: Error & { code: string }) => reason,
  );
  expect(`${error.message} ${error.stack} ${JSON.stringify(error)}`).not.toMatch(/hf_secret|do-not-show/);
  return error;
}

describe('what the hub does not have', () => {
  it.each([
    ['org/other', /no org\/other.*check its spelling.*private, set HF_TOKEN/],
    ['org/model@v9', /a revision that .* has no org\/model@v9/],
    [`org/model@${'a'.repeat(40)}`, /org\/model/],
  ])('%s', async (id, message) => {
    const error = await refusal(hub.resolve(id));
    expect(error).toMatchObject({
      code: 'ERR_MODEL_NOT_FOUND',
      message: expect.stringMatching(message) as string,
    });
    expect(await readdir(hub.cacheDir).catch(() => [])).toEqual([]);
  });

  it('a file that it lists', async () => {
    hub.server.fault = ({ path }) =>
      path.includes('/resolve/') && path.endsWith('.onnx')
        ? { status: 404, headers: { 'x-error-code': 'EntryNotFound' } }
        : undefined;
    const error = await refusal(hub.resolve('org/model'));
    expect(error).toMatchObject({
      code: 'ERR_MODEL_NOT_FOUND',
      message: expect.stringContaining('onnx/model.onnx of org/model') as string,
    });
  });

  it('an ONNX file: says how to make one, and lists what there is', async () => {
    hub.server.add('org/torch', { 'config.json': '{}', 'model.safetensors': 'x', 'README.md': '' });
    const error = await refusal(hub.resolve('org/torch'));
    expect(error).toMatchObject({
      code: 'ERR_MODEL_NOT_FOUND',
      message: expect.stringMatching(/org\/torch.*model\.safetensors.*optimum-cli export onnx/) as string,
    });
    expect(hub.server.downloads()).toEqual([]);
  });
});

describe('access', () => {
  const authorized = () =>
    hub.server.seen.filter(({ headers }) => headers.authorization === `Bearer ${TOKEN}`);

  it('is given by the token of the option, of HF_TOKEN and of the token file, to the hub alone', async () => {
    hub.server.add('org/private', FILES, { token: TOKEN });
    const attempts = [
      async () => hub.resolve('org/private', { token: TOKEN, cacheDir: join(hub.cacheDir, 'a') }),
      async () => {
        vi.stubEnv('HF_TOKEN', ` ${TOKEN}\n`);
        await hub.resolve('org/private', { cacheDir: join(hub.cacheDir, 'b') });
        vi.stubEnv('HF_TOKEN', undefined);
      },
      async () => {
        await mkdir(process.env.HF_HOME as string);
        await writeFile(join(process.env.HF_HOME as string, 'token'), TOKEN);
        await hub.resolve('org/private', { cacheDir: join(hub.cacheDir, 'c') });
      },
    ];
    for (const attempt of attempts) {
      hub.server.seen.length = 0;
      await attempt();
      const cdn = hub.server.seen.filter(({ host }) => host === 'cdn');
      expect(cdn.length).toBeGreaterThan(0);
      expect(cdn.filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
      expect(authorized().length).toBe(hub.server.seen.length - cdn.length);
    }
    vi.stubEnv('HF_HUB_DISABLE_IMPLICIT_TOKEN', '1');
    await refusal(hub.resolve('org/private', { cacheDir: join(hub.cacheDir, 'd') }));
  });

  it('without a token: says that the model may be private', async () => {
    hub.server.add('org/private', FILES, { token: TOKEN });
    const error = await refusal(hub.resolve('org/private'));
    expect(error).toMatchObject({
      code: 'ERR_MODEL_NOT_FOUND',
      message: expect.stringMatching(/HF_TOKEN/) as string,
    });
    expect(await refusal(hub.resolve('org/private', { token: 'hf_secretother' }))).toMatchObject({
      code: 'ERR_MODEL_NOT_FOUND',
    });
  });

  it.each([undefined, TOKEN])('to a gated model: says where its terms are (token %s)', async (token) => {
    hub.server.add('org/gated', FILES, { gated: true });
    const error = await refusal(hub.resolve('org/gated', { token }));
    expect(error.code).toBe('ERR_DOWNLOAD');
    expect(error.message).toContain(
      `accept its terms at ${hub.server.url}/org/gated, then ${token ? 'use' : 'set'}`,
    );
  });

  it.each([401, 403])('that ends in %i is no matter for retries', async (status) => {
    hub.server.fault = () => ({ status });
    const error = await refusal(hub.resolve('org/model', { token: TOKEN }));
    expect(error.code).toBe('ERR_DOWNLOAD');
    expect(hub.server.seen.length).toBe(1);
  });
});

describe('a server in trouble', () => {
  function failFirst(count: number, fault: Fault, where: (request: Seen) => boolean = () => true) {
    let failed = 0;
    hub.server.fault = (request) => (where(request) && failed++ < count ? fault : undefined);
  }

  it.each([
    ['429 with Retry-After', { status: 429, headers: { 'retry-after': '1' } }],
    ['503', { status: 503 }],
    ['a listing that breaks off', { status: 500 }],
  ])('is asked again: %s', async (_, fault) => {
    failFirst(1, fault);
    const started = performance.now();
    expect((await hub.resolve('org/model')).id).toBe('org/model');
    if (fault.status === 429) expect(performance.now() - started).toBeGreaterThan(1000);
  });

  it('is asked again for a file', async () => {
    failFirst(2, { status: 429, headers: { 'retry-after': '0' } }, ({ host }) => host === 'cdn');
    expect((await hub.resolve('org/model')).id).toBe('org/model');
  });

  it('that asks for more patience than is reasonable is an error that says for how much', async () => {
    hub.server.fault = () => ({ status: 429, headers: { 'retry-after': '3600' } });
    const error = await refusal(hub.resolve('org/model'));
    expect(error).toMatchObject({
      code: 'ERR_DOWNLOAD',
      message: expect.stringMatching(/429.*wait 3600 s/) as string,
    });
    expect(hub.server.seen.length).toBe(1);
  });

  it('that nobody runs is an error that names it', async () => {
    const error = await refusal(hub.resolve('org/model', { endpoint: 'http://127.0.0.1:9' }));
    expect(error).toMatchObject({
      code: 'ERR_DOWNLOAD',
      message: expect.stringMatching(/127\.0\.0\.1:9.*ECONNREFUSED/) as string,
    });
  });

  it('that redirects in circles, or away from https, is refused', async () => {
    hub.server.fault = ({ path }) => ({ status: 302, headers: { location: path } });
    expect(await refusal(hub.resolve('org/model'))).toMatchObject({ code: 'ERR_DOWNLOAD' });
    hub.server.fault = () => ({ status: 302, headers: { location: 'file:///etc/passwd' } });
    expect(await refusal(hub.resolve('org/model'))).toMatchObject({ code: 'ERR_DOWNLOAD' });
  });

  it.each([
    ['no JSON', '<html>captive portal</html>'],
    ['no commit', '{"sha":"main"}'],
    ['a commit that is a path', '{"sha":"../../../../etc"}'],
  ])('that answers with %s is no hub', async (_, body) => {
    hub.server.fault = () => ({ status: 200, body: Buffer.from(body) });
    const error = await refusal(hub.resolve('org/model'));
    expect(error).toMatchObject({
      code: 'ERR_DOWNLOAD',
      message: expect.stringMatching(/is it a Hugging Face Hub/) as string,
    });
  });
});

describe('a listing', () => {
  const entry = { type: 'file', path: 'config.json', size: 2, oid: 'a'.repeat(40) };
  it.each([
    ['a path above the repository', { ...entry, path: '../../config.json' }],
    ['an absolute path', { ...entry, path: '/etc/config.json' }],
    ['a path with an empty part', { ...entry, path: 'onnx//model.onnx' }],
    ['a Windows path', { ...entry, path: '..\\config.json' }],
    ['a drive', { ...entry, path: 'C:/config.json' }],
    ['a NUL', { ...entry, path: 'a\0b' }],
    ['no path', { ...entry, path: undefined }],
    ['a hash that is a path', { ...entry, oid: '../../../x' }],
    ['a large-file hash that is a path', { ...entry, lfs: { oid: '../x', size: 2 } }],
    ['a negative size', { ...entry, size: -1 }],
    ['a size that is no number', { ...entry, size: '2' }],
  ])('with %s is refused', async (_, bad) => {
    const body = Buffer.from(JSON.stringify([entry, bad]));
    hub.server.fault = ({ path }) => (path.includes('/tree/') ? { body } : undefined);
    expect(await refusal(hub.resolve('org/model'))).toMatchObject({ code: 'ERR_DOWNLOAD' });
    expect(hub.server.downloads()).toEqual([]);
    expect(await readdir(hub.cacheDir)).toEqual([]);
  });
});

describe('options', () => {
  it.each([
    ['revision', 7],
    ['revision', ''],
    ['revision', '../x'],
    ['revision', 'a b'],
    ['revision', 'x'.repeat(300)],
    ['cacheDir', ''],
    ['cacheDir', 'a\0b'],
    ['token', 7],
    ['token', 'two words'],
    ['token', 'hf_secret\r\nX-Evil: 1'],
    ['endpoint', 'huggingface.co'],
    ['endpoint', 'ftp://host'],
    ['endpoint', 'https://user:hf_secret@host'],
    ['endpoint', 'https://host?x=1'],
    ['localFilesOnly', 1],
    ['onProgress', true],
  ])('%s: %j is refused', async (name, value) => {
    const error = await refusal((async () => checkHubOptions({ [name]: value }))());
    expect(error).toMatchObject({
      code: 'ERR_INVALID_ARG',
      message: expect.stringContaining(name) as string,
    });
  });

  it('refuses two revisions', async () => {
    expect(await refusal(hub.resolve('org/model@v1.0', { revision: 'main' }))).toMatchObject({
      code: 'ERR_INVALID_ARG',
    });
  });

  it('come from the environment as for Python', () => {
    vi.stubEnv('HF_ENDPOINT', 'https://mirror.example/hub/');
    vi.stubEnv('HF_HOME', '~/models');
    vi.stubEnv('HOME', '/home/someone');
    expect(checkHubOptions({})).toMatchObject({
      endpoint: 'https://mirror.example/hub',
      cacheDir: '/home/someone/models/hub',
      offline: false,
    });
    vi.stubEnv('HF_HUB_CACHE', '$HOME/elsewhere');
    vi.stubEnv('HF_HUB_OFFLINE', 'yes');
    expect(checkHubOptions({})).toMatchObject({ cacheDir: '/home/someone/elsewhere', offline: true });
    expect(checkHubOptions({ localFilesOnly: false })).toMatchObject({ offline: false });
    vi.stubEnv('HF_ENDPOINT', 'mirror.example');
    expect(() => checkHubOptions({})).toThrow(/HF_ENDPOINT/);
  });
});

describe('a proxy', () => {
  it('from HTTP_PROXY is used, except for the hosts of NO_PROXY', async () => {
    const connected: string[] = [];
    const proxy = createServer();
    proxy.on('connect', (request, socket) => {
      connected.push(request.url ?? '');
      const [host, port] = (request.url ?? '').split(':');
      const upstream = connect(Number(port), host, () => socket.write('HTTP/1.1 200 OK\r\n\r\n'));
      upstream.on('error', () => socket.destroy());
      socket.on('error', () => upstream.destroy());
      upstream.pipe(socket).pipe(upstream);
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    try {
      vi.stubEnv('HTTP_PROXY', `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`);
      vi.stubEnv('NO_PROXY', undefined);
      await hub.resolve('org/model');
      expect(new Set(connected)).toEqual(
        new Set([new URL(hub.server.url).host, new URL(hub.server.cdnUrl).host]),
      );
      connected.length = 0;
      vi.stubEnv('NO_PROXY', '127.0.0.1');
      await hub.resolve('org/model', { cacheDir: join(hub.cacheDir, 'other') });
      expect(connected).toEqual([]);
    } finally {
      proxy.closeAllConnections();
      proxy.close();
    }
  });

  it('that is no URL is refused, unread: it may hold a password', async () => {
    vi.stubEnv('HTTPS_PROXY', 'ftp://me:hidden@proxy');
    const refusal = await hub.resolve('org/model').catch((error) => error);
    expect(refusal).toMatchObject({
      code: 'ERR_INVALID_ARG',
      message: 'Expected an http or https URL in https_proxy',
    });
  });
});
