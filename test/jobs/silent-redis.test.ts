import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { JobQueue, JobWorker } from 'embedlane/jobs';
import { afterEach, expect, it, vi } from 'vitest';

afterEach(() => vi.useRealTimers());

it.each<[string, (url: string) => Promise<unknown>]>([
  ['queue', (url) => JobQueue.open(url)],
  ['worker', (url) => JobWorker.start(url)],
])('a %s does not wait for ever for what takes a connection and says nothing', async (_, open) => {
  const server = createServer();
  const sockets: Socket[] = [];
  server.on('connection', (socket) => sockets.push(socket));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const opening = open(`redis://127.0.0.1:${(server.address() as AddressInfo).port}`).catch((error) => error);
  await once(server, 'connection');
  vi.advanceTimersByTime(10_000);
  expect(await opening).toMatchObject({ code: 'ERR_REMOTE', message: expect.stringContaining('10000 ms') });
  for (const socket of sockets) socket.destroy();
  server.close();
});
