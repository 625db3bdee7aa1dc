import { afterEach, describe, expect, it, vi } from 'vitest';
import { json, openAIHost } from './support.js';

const { host, create } = await openAIHost();

describe('connections', () => {
  it('tries again after half a body', async () => {
    const fine = host.answer;
    host.answer = (request, response) => {
      if (host.seen.length > 1) return fine(request, response);
      response.writeHead(200, { 'content-length': '1000' });
      response.write('{"data": [');
      setTimeout(() => response.destroy(), 10);
    };
    await using model = create({ maxRetries: 1 });
    expect((await model.encode('abc')).rows).toBe(1);
    expect(host.seen).toHaveLength(2);
  });

  it('ends an attempt in time', async () => {
    host.answer = () => {};
    await using model = create({ timeout: 50 });
    await expect(model.encode('a')).rejects.toThrow(/within 50 ms/);
  });

  it('reports a host that is not there', async () => {
    await using model = create({ baseURL: 'http://127.0.0.1:1/v1' });
    await expect(model.encode('a')).rejects.toMatchObject({
      code: 'ERR_REMOTE',
      status: undefined,
      retryable: true,
    });
  });

  it('stops at once when aborted, also during a pause', async () => {
    host.answer = (_, response) => json(response, {}, 503, { 'retry-after': '30' });
    await using model = create({ maxRetries: 5 });
    const started = performance.now();
    const signal = AbortSignal.timeout(100);
    await expect(model.encode('a', { signal })).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    expect(performance.now() - started).toBeLessThan(25_000);
    await expect(model.encode('a', { signal })).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    expect(host.seen).toHaveLength(1);
  });

  it('stops at once when aborted while requests of other calls have all places', async () => {
    host.answer = () => {};
    await using model = create({ concurrency: 1 });
    const first = model.encode('a').catch(({ code }) => code);
    const stop = new AbortController();
    const second = model.encode('b', { signal: stop.signal });
    stop.abort(new Error('no more'));
    await expect(second).rejects.toMatchObject({ code: 'ERR_ABORTED', cause: { message: 'no more' } });
    await model.close();
    expect(await first).toBe('ERR_CLOSED');
  });

  it('has as many requests at a time as it is told to, and nothing to warn of', async () => {
    const fine = host.answer;
    let [active, most] = [0, 0];
    host.answer = (request, response) => {
      most = Math.max(most, ++active);
      setTimeout(() => {
        active--;
        fine(request, response);
      }, 20);
    };
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on('warning', onWarning);
    await using model = create({ concurrency: 30, batchSize: 1 });
    const texts = Array.from({ length: 90 }, (_, i) => 'x'.repeat(i));
    expect((await model.encode(texts, { signal: new AbortController().signal })).rows).toBe(90);
    process.off('warning', onWarning);
    expect(most).toBeGreaterThan(4);
    expect(most).toBeLessThanOrEqual(30);
    expect(warnings).toEqual([]);
  });

  it('rejects what is in progress when closed, and what comes later', async () => {
    host.answer = () => {};
    const model = create();
    const pending = model.encode('a');
    setTimeout(() => void model.close(), 20);
    await expect(pending).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await expect(model.encode('a')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await model.close();
  });

  it('goes through a proxy', async () => {
    const { createServer } = await import('node:http');
    const { connect } = await import('node:net');
    let tunnels = 0;
    const proxy = createServer().on('connect', (request, socket, head) => {
      tunnels++;
      const [name, port] = (request.url ?? '').split(':');
      const target = connect(Number(port), name, () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        target.write(head);
        target.pipe(socket).pipe(target);
      });
      target.on('error', () => socket.destroy());
      socket.on('error', () => target.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const { port } = proxy.address() as { port: number };
    await using model = create({ proxy: `http://127.0.0.1:${port}` });
    expect((await model.encode('abc')).rows).toBe(1);
    expect(tunnels).toBe(1);
    await model.close();
    proxy.close();
  });
});

describe('proxies of the environment', () => {
  const names = ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'no_proxy', 'NO_PROXY'];
  const set = (variables: Record<string, string>) => {
    for (const name of names) vi.stubEnv(name, variables[name]);
  };
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it.each([
    [{ http_proxy: '127.0.0.1:1' }, 'http://127.0.0.9:2/v1'],
    [{ HTTP_PROXY: 'http://127.0.0.1:1' }, 'http://127.0.0.9:2/v1'],
    [{ HTTP_PROXY: '', HTTPS_PROXY: 'http://127.0.0.1:1' }, 'https://127.0.0.9:2/v1'],
    [{ http_proxy: '', HTTP_PROXY: 'http://127.0.0.1:1' }, 'http://127.0.0.9:2/v1'],
  ])('are asked: %j', async (variables: Record<string, string>, baseURL) => {
    set(variables);
    await using model = create({ baseURL });
    await expect(model.encode('a')).rejects.toThrow('ECONNREFUSED 127.0.0.1:1');
  });

  it('are not asked for what NO_PROXY has', async () => {
    set({ http_proxy: 'http://127.0.0.1:1', no_proxy: '127.0.0.1' });
    await using model = create();
    expect((await model.encode('abc')).rows).toBe(1);
  });

  it('are reported where they are none, without their passwords', () => {
    set({ http_proxy: 'ftp://user:secret@host' });
    expect(() => create()).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_ARG',
        message: expect.stringMatching(/^((?!secret).)*http_proxy$/),
      }),
    );
    expect(() => create({ proxy: 'ftp://user:secret@host' })).toThrow(/^((?!secret).)*proxy$/);
  });
});
