import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ImageEmbedder, type ImageInput } from '#dist/image/index.js';
import { expectRows, fixture } from '../text/goldens.js';
import { imageBytes, imagePath } from './support.js';

const TINY = fixture('models/tiny-imgbeddings');
const GOOD = imagePath('png_tiny_32x32.png');

let folder: string;
let model: ImageEmbedder;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'embedlane-images-'));
  model = await ImageEmbedder.load(TINY);
});
afterAll(async () => {
  await model?.close();
  await rm(folder, { recursive: true });
});

function crc32(bytes: Buffer): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

/** A PNG of one grey level, as large as the header says or as little as `rows` rows of it. */
function png(width: number, height: number, rows = height): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0]);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  const pixels = deflateSync(Buffer.alloc((width + 1) * rows));
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', pixels),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

async function refused(image: ImageInput, message: RegExp): Promise<void> {
  const call = model.encode([GOOD, image]);
  await expect(call).rejects.toMatchObject({
    name: 'EmbedlaneError',
    code: 'ERR_IMAGE',
    message: expect.stringMatching(message),
  });
  await expect(call).rejects.toThrow(/images\[1\]/);
}

const EXTERNAL_ENTITY = `<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/hostname">]>
<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><text y="20">&x;</text></svg>`;

describe('a picture that cannot be read is ERR_IMAGE with its name', () => {
  it.each<[string, () => ImageInput | Promise<ImageInput>, RegExp]>([
    [
      'a bomb: 65,535² pixels in a few bytes',
      () => png(65_535, 65_535, 1),
      /at most 100000000 pixels .* 65535 × 65535/,
    ],
    ['a PNG cut short', () => imageBytes('png_rgb_480.png').subarray(0, 50_000), /can be decoded/],
    ['a JPEG cut short', () => imageBytes('jpeg_420.jpg').subarray(0, 9000), /can be decoded/],
    ['a WebP cut short', () => imageBytes('webp_lossy.webp').subarray(0, 5000), /can be decoded/],
    ['a GIF cut short', () => imageBytes('gif_animated.gif').subarray(0, 2000), /can be decoded/],
    ['a TIFF cut short', () => imageBytes('tiff_deflate.tiff').subarray(0, 20_000), /can be decoded/],
    ['only a header', () => imageBytes('jpeg_420.jpg').subarray(0, 4), /can be decoded/],
    [
      'HTML that calls itself JPEG',
      () => file('page.jpg', '<!DOCTYPE html><html><body>404</body></html>'),
      /received an HTML page/,
    ],
    ['text', () => Buffer.from('hello'), /received text/],
    ['noise', () => Buffer.from([0, 1, 2, 3, 4, 5]), /bytes of an unknown format/],
    ['zero bytes', () => new Uint8Array(0), /received zero bytes/],
    ['an empty file', () => file('empty.png', ''), /received zero bytes/],
    ['a PDF', () => Buffer.from('%PDF-1.7'), /received a PDF/],
    ['a video', () => Buffer.from('\0\0\0\x20ftypisom', 'latin1'), /HEIF or a video/],
    ['a directory', () => folder, /received a directory/],
    ['no file', () => join(folder, 'none.png'), /received ENOENT/],
    ['a pipe that nobody writes to', pipe, /regular file.*something else/],
    ['a file that fails while it is read', () => '/proc/self/mem', /received (EIO|ENOENT)/],
    [
      'SVG, which is off by default',
      () => Buffer.from(EXTERNAL_ENTITY),
      /received SVG; SVG has to be allowed/,
    ],
    [
      'a TIFF that calls itself PNG',
      () => `data:image/png;base64,${imageBytes('tiff_deflate.tiff').toString('base64')}`,
      /declared format, png, .*TIFF/,
    ],
    ['a data URI of something else', () => 'data:text/html,<html>', /media type .* text\/html/],
    ['a data URI without content', () => 'data:image/png;base64', /data URI with a ','/],
    ['a data URI with broken base64', () => 'data:image/png;base64,a$b!', /base64/],
    [
      'raw pixels of the wrong length',
      () => ({ data: new Uint8Array(11), width: 2, height: 2, channels: 3 }),
      /2 × 2 × 3 bytes .* 11/,
    ],
    ['a URL', () => 'https://example.com/cat.jpg', /option hosts allows \(none\)/],
    ['a stream that fails', () => failing(), /stream but it failed: no more/],
    ['a stream of strings', () => strings(), /stream of bytes/],
    ['a line that would become a huge input', () => png(60_000, 1), /./],
  ])('%s', async (_, make, message) => {
    const image = await make();
    // A square pad makes any line a square, so this last one is fine for imgbeddings.
    if (message.source === '.') {
      expect((await model.encode([image])).rows).toBe(1);
      await using resnet = await ImageEmbedder.load(fixture('models/tiny-resnet'));
      expect((await resnet.encode([image])).rows).toBe(1);
      return;
    }
    await refused(image, message);
  });

  async function file(name: string, content: string): Promise<string> {
    await writeFile(join(folder, name), content);
    return join(folder, name);
  }

  function pipe(): string {
    const path = join(folder, 'pipe.png');
    // Where there are no pipes with names, a device.
    return spawnSync('mkfifo', [path]).status === 0 ? path : '/dev/null';
  }

  async function* failing(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(4);
    throw new Error('no more');
  }

  async function* strings(): AsyncGenerator<Uint8Array> {
    yield 'abc' as never;
  }
});

describe('a picture that is only unusual', () => {
  it.each(['png_1x1.png', 'png_3x1000.png', 'png_1000x3.png', 'gif_animated.gif'])('%s', async (name) => {
    expect((await model.encode(imagePath(name))).rows).toBe(1);
  });

  it('has a suffix that is wrong', async () => {
    const path = join(folder, 'really-a-jpeg.png');
    await writeFile(path, imageBytes('jpeg_420.jpg'));
    expect((await model.encode(path)).data).toEqual((await model.encode(imagePath('jpeg_420.jpg'))).data);
  });

  it('has several pages: the first counts', async () => {
    const page = (grey: number) =>
      sharp({ create: { width: 20, height: 20, channels: 3, background: { r: grey, g: 0, b: 9 } } });
    const [first, second] = await Promise.all([page(200).raw().toBuffer(), page(10).raw().toBuffer()]);
    const both = await sharp(Buffer.concat([first, second]), {
      raw: { width: 20, height: 40, channels: 3, pageHeight: 20 },
    })
      .tiff({ compression: 'lzw' })
      .toBuffer();
    const raw = { data: new Uint8Array(first), width: 20, height: 20, channels: 3 as const };
    expect((await model.encode(both)).data).toEqual((await model.encode(raw)).data);
  });

  it('has 100 megapixels, and no more than the limit', async () => {
    await using resnet = await ImageEmbedder.load(fixture('models/tiny-resnet'), { maxPixels: 12_000_000 });
    expect((await resnet.encode(png(4000, 3000))).rows).toBe(1);
    await expect(resnet.encode(png(4001, 3000))).rejects.toMatchObject({ code: 'ERR_IMAGE' });
    await expect(model.encode(png(10_001, 10_000))).rejects.toMatchObject({ code: 'ERR_IMAGE' });
  });

  it('is AVIF', async () => {
    const avif = await sharp(imagePath('jpeg_444.jpg')).avif({ quality: 95 }).toBuffer();
    const e = await model.encode([avif, imagePath('jpeg_444.jpg')], { normalize: true });
    expect(model.similarity(e, e).data[1]).toBeGreaterThan(0.99);
  });

  it('knows AVIF whose first brand is the general one of pictures', async () => {
    const avif = await sharp(imagePath('jpeg_444.jpg')).avif({ quality: 50 }).toBuffer();
    const general = Buffer.from(avif);
    general.write('mif1', 8);
    const [a, b] = [await model.encode(avif), await model.encode(general)];
    expect(b.data).toEqual(a.data);
    const heic = Buffer.from('\0\0\0\x18ftypmif1\0\0\0\0mif1heicavif', 'latin1');
    await expect(model.encode([heic])).rejects.toThrow(/HEIF or a video/);
  });

  it('has more bytes than allowed', async () => {
    await using small = await ImageEmbedder.load(TINY, { maxBytes: 1000 });
    await expect(small.encode(imagePath('jpeg_420.jpg'))).rejects.toThrow(/at most 1000 bytes/);
    const stream = new Blob([imageBytes('jpeg_420.jpg')]);
    await expect(small.encode(stream)).rejects.toThrow(/at most 1000 bytes/);
  });

  it('is SVG where that is allowed, without anything from outside', async () => {
    await using open = await ImageEmbedder.load(TINY, { svg: true });
    const plain =
      '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><rect width="20" height="20"/></svg>';
    expect((await open.encode(Buffer.from(plain))).rows).toBe(1);
    const empty = EXTERNAL_ENTITY.replace('&x;', '').replace(/<!DOCTYPE[^>]*>\]>/, '');
    const hostile = await open.encode(Buffer.from(EXTERNAL_ENTITY)).catch((error: unknown) => error);
    if (hostile instanceof Error) expect(hostile).toMatchObject({ code: 'ERR_IMAGE' });
    else
      expect((hostile as { data: Float32Array }).data).toEqual((await open.encode(Buffer.from(empty))).data);
  });
});

describe('onError', () => {
  const images = [
    GOOD,
    Buffer.from('nope'),
    imagePath('jpeg_444.jpg'),
    { data: new Uint8Array(1), width: 1, height: 1, channels: 3 as const },
    GOOD,
  ];

  it("'skip' leaves bad pictures out and says which and why", async () => {
    const e = await model.encode(images, { onError: 'skip' });
    expect([...e.indices]).toEqual([0, 2, 4]);
    expect(e.rows).toBe(3);
    expect(e.row(2)).toEqual(e.row(0));
    // Not alone in its batch, so the last bits may differ.
    const alone = await model.encode(imagePath('jpeg_444.jpg'));
    expectRows({ data: e.row(1), rows: 1, dims: e.dims }, alone, { cosine: 0.999999, absolute: 1e-4 });
    expect(e.skipped.map(({ index, error }) => [index, error.code])).toEqual([
      [1, 'ERR_IMAGE'],
      [3, 'ERR_IMAGE'],
    ]);
    expect(e.skipped[0].error.message).toMatch(/images\[1\].*text/);
  });

  it("'skip' with nothing left gives no rows", async () => {
    const e = await model.encode([Buffer.from('nope')], { onError: 'skip' });
    expect([e.rows, e.dims, e.skipped.length]).toEqual([0, 24, 1]);
  });

  it('reports progress for skipped pictures too', async () => {
    const seen: number[] = [];
    await model.encode(images, { onError: 'skip', onProgress: ({ completed }) => seen.push(completed) });
    expect(seen.at(-1)).toBe(images.length);
  });

  it('leaves the model usable', async () => {
    await expect(model.encode([Buffer.from('nope')])).rejects.toMatchObject({ code: 'ERR_IMAGE' });
    expect((await model.encode(GOOD)).rows).toBe(1);
  });
});

describe('misuse is ERR_INVALID_ARG before any work starts', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['a number', () => model.encode(7 as never)],
    ['null', () => model.encode([GOOD, null as never])],
    ['a list with a hole', () => model.encode(new Array(2))],
    ['options of null', () => model.classify(GOOD, null as never)],
    ['a PCA that is none', async () => model.usePca({} as never)],
    ['an empty path', () => model.encode('')],
    ['an unknown option', () => model.encode(GOOD, { normalise: true } as never)],
    ['truncateDim beyond the width', () => model.encode(GOOD, { truncateDim: 25 })],
    ['onError that is unknown', () => model.encode(GOOD, { onError: 'ignore' as never })],
    ['a width of zero', () => model.encode({ data: new Uint8Array(0), width: 0, height: 1, channels: 3 })],
    [
      'five channels',
      () => model.encode({ data: new Uint8Array(5), width: 1, height: 1, channels: 5 as never }),
    ],
    ['topK of zero', () => model.classify(GOOD, { topK: 0 })],
    ['hosts that are URLs', () => ImageEmbedder.load(TINY, { hosts: ['https://example.com'] })],
    ['Pillow 9', () => ImageEmbedder.load(TINY, { pillow: 9 as never })],
    ['pooling that is unknown', () => ImageEmbedder.load(TINY, { pooling: 'max' as never })],
  ])('%s', async (_, call) => {
    await expect(call()).rejects.toMatchObject({ name: 'EmbedlaneError', code: 'ERR_INVALID_ARG' });
  });

  it('and other codes where they say more', async () => {
    const data = new Float32Array(3) as never;
    await expect(model.encode({ data, width: 1, height: 1, channels: 3 })).rejects.toMatchObject({
      code: 'ERR_DTYPE',
    });
    await expect(model.classify(GOOD)).rejects.toMatchObject({ code: 'ERR_MODEL_INVALID' });
    await expect(ImageEmbedder.load('all-MiniLM-L6-v2')).rejects.toMatchObject({ code: 'ERR_MODEL_INVALID' });
    await expect(ImageEmbedder.load(TINY, { pooling: 'pooler' })).rejects.toMatchObject({
      code: 'ERR_MODEL_INVALID',
    });
    await expect(ImageEmbedder.load('./nowhere')).rejects.toMatchObject({ code: 'ERR_MODEL_NOT_FOUND' });
    const closed = await ImageEmbedder.load(TINY);
    await closed.close();
    await expect(closed.encode(GOOD)).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });

  it('encodeStream checks at the call', () => {
    expect(() => model.encodeStream(GOOD as never)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG' }),
    );
    expect(() => model.encodeStream([], { window: 0 })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG' }),
    );
  });
});
