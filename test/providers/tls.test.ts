import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { OpenAIEmbedder } from '#dist/providers/index.js';

const openssl = spawnSync('openssl', ['version']).status === 0;

it.skipIf(!openssl)('refuses a certificate that it cannot trust, at once', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'embedlane-tls-'));
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(folder, name));
  spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost'],
    ...['-keyout', key, '-out', cert],
  ]);
  let requests = 0;
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_, response) => {
    requests++;
    response.end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    await using model = new OpenAIEmbedder({
      baseURL: `https://127.0.0.1:${port}/v1`,
      apiKey: 'k',
      maxRetries: 9,
    });
    await expect(model.encode('a')).rejects.toMatchObject({ code: 'ERR_REMOTE', retryable: false });
    expect(requests).toBe(0);
  } finally {
    server.close();
    rmSync(folder, { recursive: true });
  }
});
