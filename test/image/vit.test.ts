import { describe, expect, it } from 'vitest';
import { ImageEmbedder } from '#dist/image/index.js';
import { expectRows, fixture, readGolden, readMatrix } from '../text/goldens.js';
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
