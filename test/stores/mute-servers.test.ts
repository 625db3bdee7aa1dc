import { once } from 'node:events';
import { createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { openStore } from 'embedlane/stores';
import mysql from 'mysql2';
import { describe, expect, it, vi } from 'vitest';
import { freePort } from './servers/server.mjs';
import { Silence } from './silence.js';

// Four attempts and the pauses between them.
vi.setConfig({ testTimeout: 120_000 });

const TIMEOUT = 200;

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function failure(url: string): Promise<string> {
  return openStore(url).then(
    () => 'opened',
    ({ code, message }) => `${code}: ${message}`,
  );
}

describe.concurrent('opening a store on a server that takes connections and never says a word', () => {
  it.each([
    ['milvus', /^ERR_REMOTE: Expected Milvus to answer at 127\.0\.0\.1:\d+ but received Deadline exceeded/],
    ['milvuss', /^ERR_REMOTE: Expected Milvus to answer at localhost:\d+ but received Deadline exceeded/],
    ['seekdb', /^ERR_REMOTE: Expected seekdb to answer at 127\.0\.0\.1 but received connect ETIMEDOUT/],
    ['postgres', /^ERR_REMOTE: Expected PostgreSQL to tell the version of pgvector but received .*timeout/],
  ])('%s: gives up', async (scheme, expected) => {
    const server = await Silence.before();
    try {
      const path = scheme.startsWith('milvus') ? 'notes' : 'test/notes';
      const limits = `timeout=${TIMEOUT}${scheme === 'postgres' ? `&connectTimeout=${TIMEOUT}` : ''}`;
      // gRPC tells TLS the host as the server's name, which may not be an address since Node 26.
      const host = scheme === 'milvuss' ? 'localhost' : '127.0.0.1';
      const said = await failure(`${scheme}://me:hidden@${host}:${server.port}/${path}?${limits}`);
      expect(said).toMatch(expected);
      expect(said).not.toContain('hidden');
    } finally {
      server.close();
    }
  });
});

describe.concurrent('opening a store on a server that greets, and then falls silent', () => {
  it('milvus: gives up', async () => {
    // HTTP/2 that takes calls and answers none.
    const server = createHttp2Server().on('sessionError', () => {});
    const port = await listening(server);
    const said = await failure(`milvus://127.0.0.1:${port}/notes?timeout=${TIMEOUT}`);
    expect(said).toMatch(/^ERR_REMOTE: Expected Milvus to answer at 127\.0\.0\.1:\d+ .* Deadline exceeded/);
    server.close();
  });

  it('seekdb: gives up', async () => {
    const server = mysql.createServer((connection) => {
      connection.serverHandshake({
        protocolVersion: 10,
        serverVersion: '5.7.25',
        connectionId: 1,
        statusFlags: 2,
        characterSet: 45,
        capabilityFlags: 0xffffff & ~0x800,
        authCallback: (_: unknown, done: (error: null) => void) => {
          done(null);
          // A command counts its packets anew.
          connection.sequenceId = 0;
        },
      });
      connection.on('query', () => {}).on('error', () => {});
    });
    const port = await freePort();
    server.listen(port);
    const said = await failure(`seekdb://127.0.0.1:${port}/test/notes?timeout=${TIMEOUT}`);
    expect(said).toMatch(/^ERR_REMOTE: Expected seekdb to answer at 127\.0\.0\.1 .* inactivity timeout/);
    server.close(() => {});
  });
});
