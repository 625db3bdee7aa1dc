import { describe, expect, it } from 'vitest';
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
