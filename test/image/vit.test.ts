import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { ImageEmbedder } from '#dist/image/index.js';
import { expectRows, fixture, readGolden, readMatrix } from '../text/goldens.js';
import { modelFolders } from '../text/model-folders.js';
import { imagePath } from './support.js';

const { images } = readGolden<{ images: string[] }>('vision/vision.json');
const files = images.map(imagePath);
const EXACT = { cosine: 0.99999, absolute: 5e-5 };
const golden = (name: string) => readMatrix(`vision/${name}.bin`, 16);

describe.each([
  ['vit', 'cls'],
  ['dinov2', 'pooler'],
] as const)('tiny-%s, against transformers', (name, usual) => {
  it(`gives the same vectors: ${usual}, or what is asked for`, async () => {
    for (const pooling of [undefined, 'cls', 'mean', 'pooler'] as const) {
      await using model = await ImageEmbedder.load(fixture(`models/tiny-${name}`), { pooling });
      expectRows(await model.encode(files), golden(`${name}_${pooling ?? usual}`), EXACT);
      expect(model.dimensions).toBe(16);
    }
  });
});

describe('a graph for one picture at a time', () => {
  const { variant } = modelFolders();
  const graph = () => readFile(fixture('graphs/one_picture.onnx'));

  it('gets them one by one, even where many are asked for', async () => {
    const id = await variant('tiny-vit', { 'onnx/model.onnx': await graph() });
    await using model = await ImageEmbedder.load(id, { batchSize: 4, warmUp: true });
    const together = await model.encode(files);
    for (const [i, file] of files.entries()) {
      expect([...together.row(i)]).toEqual([...(await model.encode(file)).row(0)]);
    }
  });

  it('is the only one of a fixed number', async () => {
    const bytes = await graph();
    // The dimension 1 of the input, followed by that of 3 channels.
    const at = bytes.lastIndexOf(Buffer.from([0x0a, 2, 8, 1, 0x0a, 2, 8, 3, 0x0a, 8]));
    bytes[at + 3] = 4;
    const id = await variant('tiny-vit', { 'onnx/model.onnx': bytes });
    await expect(ImageEmbedder.load(id)).rejects.toMatchObject({
      code: 'ERR_MODEL_INVALID',
      message: expect.stringMatching(/'pixel_values' of any batch size, or of 1,.* received 4/) as string,
    });
  });
});
