import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClipEmbedder } from '#dist/clip/index.js';
import { imagePath } from '../image/support.js';
import { expectRows, fixture, readGolden, readMatrix } from '../text/goldens.js';

const { images, siglip } = readGolden<{
  images: string[];
  siglip: { texts: string[]; labels: string[]; template: string };
}>('vision/vision.json');
const files = images.map(imagePath);
const EXACT = { cosine: 0.99999, absolute: 5e-5 };
const golden = (name: string, dims = 16) => readMatrix(`vision/siglip_${name}.bin`, dims);

let model: ClipEmbedder;
beforeAll(async () => {
  model = await ClipEmbedder.load(fixture('models/tiny-siglip'));
});
afterAll(() => model?.close());

describe('SigLIP, against transformers', () => {
  it('gives the same vectors of texts, which fill all positions, and of pictures', async () => {
    expect([model.dimensions, model.maxTokens]).toEqual([16, 40]);
    expectRows(await model.encodeText(siglip.texts), golden('text'), EXACT);
    expectRows(await model.encodeImage(files), golden('image'), EXACT);
  });

  it('gives the same probabilities, with the scale and bias of the joint graph', async () => {
    const { labels, template } = siglip;
    const wanted = golden('probabilities', labels.length);
    const found = await model.classify(files, labels, { templates: template });
    found.forEach((list, row) => {
      for (const { index, score } of list) {
        expect(Math.abs(score - wanted.data[row * labels.length + index])).toBeLessThan(1e-4);
      }
    });
  });
});
