import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { outcome } from '../outcome.js';
import { startCli, temporaryFolder } from './support.js';

/** Takes connections and says nothing. */
const server = createServer();
const sockets = new Set<Socket>();
let folder: string;
let address: string;

beforeAll(async () => {
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  folder = await temporaryFolder();
  await writeFile(join(folder, 'a.jsonl'), '{"id":"a","vector":[1,2]}\n');
});

afterAll(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
});

describe('Ctrl-C while a server is silent', () => {
  const postgres = () => `postgres://user:password@${address}/db/table`;
  it.each<[string, () => string[]]>([
    ['job status', () => ['--queue', `redis://${address}`]],
    ['job work', () => ['--queue', `redis://${address}`]],
    ['search x', () => ['--store', postgres()]],
    ['search y', () => ['--store', `milvus://${address}/table`]],
    ['copy', () => [postgres(), join(folder, 'copy')]],
    ['import', () => [join(folder, 'a.jsonl'), postgres()]],
    ['export', () => [postgres(), join(folder, 'b.jsonl')]],
  ])('ends %s', async (command, options) => {
    const child = startCli([...command.split(' '), ...options()]);
    const ended = outcome(child);
    await once(server, 'connection');
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ code: 130, stdout: '', stderr: 'Interrupted.\n' });
  });
});

it.skipIf(process.platform === 'win32')('Ctrl-C ends doctor while it tries what is there', async () => {
  const started = join(folder, 'started');
  const ffmpeg = join(folder, 'ffmpeg');
  await writeFile(ffmpeg, `#!/bin/sh\ntouch '${started}'\nexec sleep 5\n`, { mode: 0o755 });
  const child = startCli(['doctor'], { PATH: `${folder}:${process.env.PATH}` });
  const ended = outcome(child);
  await vi.waitUntil(() => existsSync(started), { timeout: 20_000 });
  child.kill('SIGINT');
  expect(await ended).toMatchObject({ code: 130, stdout: '', stderr: 'Interrupted.\n' });
});
