import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ImageEmbedder } from '#dist/image/index.js';
import { isPublic } from '#dist/image/input/url.js';
import { fixture } from '../text/goldens.js';
import { imageBytes, imagePath } from './support.js';

const TINY = fixture('models/tiny-imgbeddings');
const GOOD = imagePath('png_tiny_32x32.png');

describe('URLs', () => {
  let server: Server;
  let port: number;
  beforeAll(async () => {
    server = createServer((request, response) => {
      if (request.url === '/loop') response.writeHead(302, { location: '/loop' }).end();
      else if (request.url === '/away')
        response.writeHead(302, { location: `http://example.com/x.png` }).end();
      else if (request.url?.startsWith('/to-')) {
        const location = `http://${request.url.slice(4)}.example:${port}/x.png`;
        response.writeHead(302, { location }).end();
      } else if (request.url === '/there') response.writeHead(302, { location: '/x.png' }).end();
      else if (request.url === '/x.png') response.end(imageBytes('png_tiny_32x32.png'));
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    port = (server.address() as AddressInfo).port;
  });
  afterAll(() => server.close());

  const open = (options = {}) => ImageEmbedder.load(TINY, { hosts: ['localhost', '127.0.0.1'], ...options });

  it('are fetched from allowed hosts, through redirects to allowed hosts', async () => {
    await using local = await open({ privateAddresses: true });
    const expected = await local.encode(GOOD);
    for (const path of ['x.png', 'there']) {
      expect((await local.encode(`http://localhost:${port}/${path}`)).data).toEqual(expected.data);
    }
    expect((await local.encode(new URL(`http://127.0.0.1:${port}/x.png`))).data).toEqual(expected.data);
    for (const [path, message] of [
      ['away', /hosts allows .*'example\.com'/],
      ['loop', /at most 5 redirects/],
      ['none', /status 200 .* 404/],
    ] as const) {
      await expect(local.encode(`http://localhost:${port}/${path}`)).rejects.toThrow(message);
    }
  });

  it('are refused for every address that is not public', () => {
    const secret = [
      ...[
        '127.0.0.1',
        '10.1.2.3',
        '172.31.255.255',
        '192.168.0.1',
        '169.254.169.254',
        '100.64.0.1',
        '0.0.0.0',
      ],
      ...[
        '224.0.0.1',
        '255.255.255.255',
        '198.18.0.1',
        '::1',
        '::',
        'fe80::1',
        'fd00::1',
        'ff02::1',
        '64:ff9b::7f00:1',
      ],
      ...['::ffff:10.0.0.1', '::ffff:7f00:1', '2002:7f00:1::', '2001:db8::1', 'localhost', ''],
    ];
    expect(secret.filter(isPublic)).toEqual([]);
    const open = ['1.1.1.1', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '::ffff:1.1.1.1'];
    expect(open.filter((address) => !isPublic(address))).toEqual([]);
  });

  it('are refused where a redirect leads to a name with an address that is not public', async () => {
    const hook = fileURLToPath(new URL('fake-names.pnp.cjs', import.meta.url));
    const { NODE_OPTIONS } = process.env;
    process.env.NODE_OPTIONS = `--require "${hook.replaceAll('\\', '\\\\')}"`;
    try {
      await using model = await open({ hosts: ['open.example', 'secret.example', 'both.example'] });
      expect((await model.encode(`http://open.example:${port}/x.png`)).rows).toBe(1);
      for (const host of ['secret', 'both']) {
        await expect(model.encode(`http://open.example:${port}/to-${host}`)).rejects.toThrow(
          expect.objectContaining({
            code: 'ERR_IMAGE',
            message: expect.stringMatching(
              `public address for ${host}.example .* but received 10.0.0`,
            ) as string,
          }),
        );
      }
    } finally {
      if (NODE_OPTIONS === undefined) delete process.env.NODE_OPTIONS;
      else process.env.NODE_OPTIONS = NODE_OPTIONS;
    }
  });

  it('are refused where the name or the address is that of this machine', async () => {
    await using careful = await open();
    await expect(careful.encode(`http://localhost:${port}/x.png`)).rejects.toThrow(
      /public address for localhost/,
    );
    await expect(careful.encode(`http://127.0.0.1:${port}/x.png`)).rejects.toThrow(/public address/);
    await expect(careful.encode('http://user:pass@localhost/')).rejects.toThrow(/without credentials/);
  });
});
