import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ImageEmbedder, type ImageInput } from '#dist/image/index.js';
import { readPca } from '#dist/image/pca-file.js';
import { PCA } from '#dist/vectors/index.js';
import { expectRows, fixture, readGolden, readMatrix } from '../text/goldens.js';
import { imageBytes, imagePath } from './support.js';

interface ModelGolden {
  images: string[];
}

const EXACT = { cosine: 0.99999, absolute: 1e-4 };

describe.each([
  [
    'efficientnet-lite0',
    'efficientnet-lite0',
    'efficientnet/efficientnet.json',
    'efficientnet/features.bin',
    1280,
  ],
  ['resnet', fixture('models/tiny-resnet'), 'resnet/resnet.json', 'resnet/pooler_output.bin', 96],
  [
    'imgbeddings',
    fixture('models/tiny-imgbeddings'),
    'imgbeddings/imgbeddings.json',
    'imgbeddings/embeddings.bin',
    24,
  ],
] as const)('%s against transformers', (_, id, json, bin, dims) => {
  const { images } = readGolden<ModelGolden>(`images/${json}`);
  const features = readMatrix(`images/${bin}`, dims);

  it('gives the same features, in order, in batches of any size', async () => {
    for (const batchSize of [1, 3]) {
      await using model = await ImageEmbedder.load(id, { batchSize });
      expect(model.dimensions).toBe(dims);
      expectRows(await model.encode(images.map(imagePath)), features, EXACT);
    }
  });
});

describe('efficientnet-lite0', () => {
  let model: ImageEmbedder;
  beforeAll(async () => {
    model = await ImageEmbedder.load('efficientnet-lite0');
  });
  afterAll(() => model?.close());

  const { images } = readGolden<ModelGolden>('images/efficientnet/efficientnet.json');
  const golden = readGolden<{
    top5: { image: string; top5: { id: number; label: string; prob: number }[] }[];
  }>('images/efficientnet/efficientnet.json');

  it('names what pictures show', async () => {
    expect(model.labels).toHaveLength(1000);
    const found = await model.classify(images.map(imagePath));
    golden.top5.forEach(({ top5 }, i) => {
      expect(found[i].map(({ label, index }) => [index, label])).toEqual(
        top5.map(({ id, label }) => [id, label]),
      );
      top5.forEach(({ prob }, rank) => {
        expect(Math.abs(found[i][rank].score - prob)).toBeLessThan(1e-4);
      });
    });
    expect(await model.classify(imagePath('jpeg_444.jpg'), { topK: 1 })).toEqual(found[1].slice(0, 1));
  });

  it('gives the same vector whatever way a picture comes', async () => {
    const name = 'png_rgb_480.png';
    const bytes = imageBytes(name);
    const inputs: ImageInput[] = [
      imagePath(name),
      new URL(`file://${imagePath(name)}`),
      bytes,
      new Uint8Array(bytes),
      // A view into something larger, as buffers from pools are.
      Buffer.concat([Buffer.alloc(3), bytes]).subarray(3),
      new Blob([bytes]),
      new Uint8Array(bytes).buffer,
      (async function* () {
        for (let start = 0; start < bytes.length; start += 50_000)
          yield bytes.subarray(start, start + 50_000);
      })(),
      `data:image/png;base64,${bytes.toString('base64')}`,
      `data:application/octet-stream,${[...bytes].map((b) => `%${b.toString(16).padStart(2, '0')}`).join('')}`,
    ];
    const e = await model.encode(inputs);
    expect(e.rows).toBe(inputs.length);
    for (const row of e) expect(row).toEqual(e.row(0));
    expect((await model.encode(imagePath(name))).data).toEqual(e.row(0));
  });

  it('takes raw pixels of one to four channels', async () => {
    const [width, height] = [40, 30];
    const grey = Uint8Array.from({ length: width * height }, (_, i) => (i * 37) % 256);
    const raw = (channels: 1 | 2 | 3 | 4) => ({
      data: Uint8Array.from({ length: width * height * channels }, (_, i) =>
        channels % 2 === 0 && i % channels === channels - 1 ? 128 : grey[Math.floor(i / channels)],
      ),
      width,
      height,
      channels,
    });
    const e = await model.encode([
      raw(1),
      raw(2),
      raw(3),
      raw(4),
      { ...raw(3), data: new Uint8ClampedArray(raw(3).data) },
    ]);
    for (const row of e) expect(row).toEqual(e.row(0));
    await using white = await ImageEmbedder.load('efficientnet-lite0', { alpha: 'white' });
    const over = await white.encode([raw(1), raw(2), raw(4)]);
    expect(over.row(0)).toEqual(e.row(0));
    expect(over.row(1)).toEqual(over.row(2));
    expect(over.row(1)).not.toEqual(e.row(0));
  });

  it('cuts and normalises in this order', async () => {
    const image = imagePath('jpeg_444.jpg');
    const [whole, cut, both] = [
      await model.encode(image),
      await model.encode(image, { truncateDim: 64 }),
      await model.encode(image, { truncateDim: 64, normalize: true }),
    ];
    expect(cut.data).toEqual(whole.data.slice(0, 64));
    expect(Math.hypot(...both.data)).toBeCloseTo(1, 6);
    expect(model.similarity(cut, both).data[0]).toBeCloseTo(1, 6);
  });

  it('gives parts of a stream in order, and an empty list no rows', async () => {
    const files = images.map(imagePath);
    const whole = await model.encode(files);
    const parts: Float32Array[] = [];
    for await (const part of model.encodeStream(files.values(), { window: 4 })) parts.push(...part);
    expect(parts).toHaveLength(files.length);
    parts.forEach((row, i) => {
      expect(row).toEqual(whole.row(i));
    });
    expect(await model.encode([])).toMatchObject({ rows: 0, dims: 1280 });
  });
});

describe('imgbeddings', () => {
  const { images } = readGolden<ModelGolden>('images/imgbeddings/imgbeddings.json');
  const npz = fixture('goldens/images/imgbeddings/pca.npz');
  const close = (a: ArrayLike<number>, b: ArrayLike<number>) =>
    Array.from(a).forEach((value, i) => {
      expect(Math.abs(value - b[i])).toBeLessThan(1e-4);
    });

  it("applies a PCA out of the package's file", async () => {
    const { components } = await readPca(npz);
    const golden = readMatrix('images/imgbeddings/pca_transformed.bin', components.rows);
    await using model = await ImageEmbedder.load(fixture('models/tiny-imgbeddings'), { pca: npz });
    expect(model.dimensions).toBe(components.rows);
    const e = await model.toEmbedding(images.map(imagePath));
    expect([e.rows, e.dims]).toEqual([golden.rows, golden.dims]);
    close(e.data, golden.data);
    const cut = await model.toEmbedding(imagePath(images[0]), { truncateDim: 2, normalize: true });
    expect(Math.hypot(...cut.data)).toBeCloseTo(1, 6);
  });

  it('fits one', async () => {
    await using model = await ImageEmbedder.load(fixture('models/tiny-imgbeddings'));
    const e = await model.encode(images.map(imagePath));
    const pca = await model.fitPca(e, { components: 3 });
    expect(model.dimensions).toBe(3);
    close((await model.encode(images.map(imagePath))).data, (await pca.transform(e)).data);
    model.usePca(undefined);
    expect(model.dimensions).toBe(24);
    const other = new PCA({
      mean: new Float32Array(2),
      components: { data: new Float32Array(2), rows: 1, dims: 2 },
    });
    expect(() => model.usePca(other)).toThrow(expect.objectContaining({ code: 'ERR_DIMENSION' }));
  });

  it('refuses a file that is no PCA', async () => {
    const load = (pca: string) => ImageEmbedder.load(fixture('models/tiny-imgbeddings'), { pca });
    await expect(load(imagePath('png_1x1.png'))).rejects.toMatchObject({ code: 'ERR_CORRUPT' });
    await expect(load(imagePath('none.npz'))).rejects.toMatchObject({ code: 'ERR_IO' });
  });

  it('refuses an archive that claims gigabytes before it unpacks any', async () => {
    const archive = Buffer.from(zipSync({ 'mean.npy': Buffer.alloc(1000) }, { level: 9 }));
    archive.writeUInt32LE(0xf0000000, archive.indexOf('PK\x01\x02') + 24);
    const folder = await mkdtemp(join(tmpdir(), 'embedlane-pca-'));
    await writeFile(join(folder, 'pca.npz'), archive);
    await expect(readPca(join(folder, 'pca.npz'))).rejects.toMatchObject({
      code: 'ERR_CORRUPT',
      cause: { message: expect.stringContaining('more than') as string },
    });
    await rm(folder, { recursive: true });
  });
});
