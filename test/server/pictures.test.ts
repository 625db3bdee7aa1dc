import { readFileSync } from 'node:fs';
import { createServer as createHttpServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClipEmbedder, ImageEmbedder } from '#dist/index.js';
import { fixture } from '../text/goldens.js';
import { difference, TINY, testServer } from './support.js';

const FILES = ['jpeg_420.jpg', 'png_noise_257x130.png', 'webp_lossy.webp'];
const BYTES = FILES.map((file) => readFileSync(fixture(`images/${file}`)));
const TYPES = ['jpeg', 'png', 'webp'];
const URIS = BYTES.map((bytes, i) => `data:image/${TYPES[i]};base64,${bytes.toString('base64')}`);
const SAME = 1e-5;

const server = testServer({
  models: [
    TINY,
    { id: fixture('models/tiny-clip'), hosts: ['127.0.0.1'], privateAddresses: true },
    fixture('models/tiny-resnet'),
  ],
});
let clip: ClipEmbedder;
let image: ImageEmbedder;
let web: Server;
let address: string;
beforeAll(async () => {
  [clip, image] = await Promise.all([
    ClipEmbedder.load(fixture('models/tiny-clip')),
    ImageEmbedder.load(fixture('models/tiny-resnet')),
  ]);
  web = createHttpServer((request, response) => {
    if (request.url === '/picture') response.end(BYTES[0]);
    else response.writeHead(302, { location: 'http://localhost:1/secret' }).end();
  });
  await new Promise<void>((listening) => web.listen(0, '127.0.0.1', listening));
  address = `http://127.0.0.1:${(web.address() as AddressInfo).port}`;
});
afterAll(async () => {
  web?.close();
  await Promise.all([clip?.close(), image?.close()]);
});

interface Item {
  embedding: number[];
  index: number;
}
const embed = (input: unknown, more = {}) =>
  server.post('/v1/embeddings', { model: 'tiny-clip', input, ...more });
const rows = (body: { data: Item[] }) => body.data.map(({ embedding }) => embedding);

describe('pictures and texts at /v1/embeddings', () => {
  it("takes Jina's objects, texts and pictures mixed, in order", async () => {
    const texts = await clip.encodeText(['a red square', 'a dog'], { normalize: true });
    const pictures = await clip.encodeImage(BYTES.slice(0, 2), { normalize: true });
    const { status, body } = await embed([
      ...[{ image: URIS[0] }, { text: 'a red square' }, { image: URIS[1] }, 'a dog'],
    ]);
    expect(status).toBe(200);
    const expected = [pictures.row(0), texts.row(0), pictures.row(1), texts.row(1)];
    rows(body).forEach((row, i) => {
      expect(difference(row, expected[i])).toBeLessThan(SAME);
      expect(body.data[i].index).toBe(i);
    });
  });

  it("takes infinity's modality, data URIs and plain base64", async () => {
    const expected = await clip.encodeImage(BYTES, { normalize: true });
    const plain = BYTES.map((bytes) => bytes.toString('base64'));
    for (const input of [URIS, plain]) {
      const { body } = await embed(input, { modality: 'image' });
      rows(body).forEach((row, i) => {
        expect(difference(row, expected.row(i))).toBeLessThan(SAME);
      });
    }
  });

  it('takes objects of texts alone, with a text model too', async () => {
    const { body } = await server.post('/v1/embeddings', {
      model: 'tiny-bert-cls',
      input: [{ text: 'a cat' }],
    });
    expect(difference(rows(body)[0], (await server.model.encode('a cat')).row(0))).toBeLessThan(1e-4);
    expect((await embed('a plain text')).body.data).toHaveLength(1);
    expect((await embed({ text: 'one object' })).body.data).toHaveLength(1);
  });

  it('leaves lengths alone if asked to, and cuts dimensions', async () => {
    const expected = await clip.encodeImage(BYTES[0]);
    const { body } = await embed({ image: URIS[0] }, { normalized: false });
    expect(difference(rows(body)[0], expected.row(0))).toBeLessThan(1e-4);
    const cut = await embed({ image: URIS[0] }, { dimensions: 4 });
    expect(Math.hypot(...rows(cut.body)[0])).toBeCloseTo(1, 5);
    expect(rows(cut.body)[0]).toHaveLength(4);
    expect((await embed({ image: URIS[0] }, { dimensions: 4000 })).status).toBe(400);
  });

  it('has models of pictures alone', async () => {
    const expected = await image.encode(BYTES, { normalize: true });
    const input = URIS.map((uri) => ({ image: uri }));
    const { body } = await server.post('/v1/embeddings', { model: 'tiny-resnet', input });
    rows(body).forEach((row, i) => {
      expect(difference(row, expected.row(i))).toBeLessThan(SAME);
    });
    const text = await server.post('/v1/embeddings', { model: 'tiny-resnet', input: 'words' });
    expect([text.status, text.body.error.message]).toEqual([
      ...[400, "The model 'tiny-resnet' cannot embed texts"],
    ]);
  });

  it('fetches pictures from allowed hosts only', async () => {
    const expected = await clip.encodeImage(BYTES[0], { normalize: true });
    const { body } = await embed({ image: `${address}/picture` });
    expect(difference(rows(body)[0], expected.row(0))).toBeLessThan(SAME);
    for (const url of [
      `${address}/redirected`,
      'http://169.254.169.254/latest/meta-data',
      'http://example.com/a.jpg',
    ]) {
      const answer = await embed([{ image: URIS[0] }, { image: url }]);
      expect(answer.status).toBe(400);
      expect(answer.body.error.message).toContain('a host that the option hosts allows');
      expect(answer.body.error.message).toContain('input[1]');
    }
  });

  it.each([
    ['a path', fixture('images/jpeg_420.jpg')],
    ['a file URL', `file://${fixture('images/jpeg_420.jpg')}`],
    ['no picture', Buffer.from('hello world').toString('base64')],
    ['half a picture', `data:image/jpeg;base64,${BYTES[0].subarray(0, 300).toString('base64')}`],
    ['another type', 'data:text/html;base64,PGh0bWw+'],
    ['broken base64', 'data:image/png;base64,@@@@'],
  ])('refuses %s, and says which', async (_, picture) => {
    const { status, body } = await embed([{ text: 'a' }, { image: URIS[0] }, { image: picture }]);
    expect(status).toBe(400);
    expect(body.error).toMatchObject({ type: 'invalid_request_error', param: 'input' });
    expect(body.error.message).toContain('input[2]');
  });

  it.each<[unknown, object, RegExp]>([
    [[{ image: 7 }], {}, /input\[0\]/],
    [[{ image: '' }], {}, /input\[0\]/],
    [[{ text: 'a', image: 'b' }], {}, /input\[0\]/],
    [[{ text: 'a' }, [1]], {}, /input\[1\]/],
    [[{ video: 'a' }], {}, /input\[0\]/],
    [[{ audio: 'a' }], {}, /cannot embed sounds/],
    [[], { modality: 'image' }, /cannot be an empty/],
    ['a', { modality: 'video' }, /modality/],
    [[1, 2], {}, /cannot tokenize/],
    ['a', { normalized: 'yes' }, /normalized/],
  ])('refuses %j with %j', async (input, more, message) => {
    const { status, body } = await embed(input, more);
    expect(status).toBe(400);
    expect(body.error.message).toMatch(message);
  });

  it('refuses pictures for a text model', async () => {
    const { status, body } = await server.post('/v1/embeddings', {
      ...{ model: 'tiny-bert-cls', input: [{ image: URIS[0] }] },
    });
    expect([status, body.error.message]).toEqual([400, "The model 'tiny-bert-cls' cannot embed images"]);
  });
});
