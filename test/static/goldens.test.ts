import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StaticEmbedder } from '#dist/static/index.js';
import { expectRows, fixture, readGolden, readMatrix } from '../text/goldens.js';

interface Golden {
  texts: string[];
  input_ids: number[][];
}

/** Goldens are float32 means in another order of addition at most. */
const EXACT = { cosine: 0.9999999, absolute: 1e-6 };
const DIMS = 32;

/** Rows of texts that have tokens: the cosine of zeros is not defined. */
function withTokens(golden: Golden): number[] {
  return golden.texts.map((_, row) => row).filter((row) => golden.input_ids[row].length > 0);
}

describe('tiny-static, a StaticEmbedding of sentence-transformers', () => {
  const golden = readGolden<Golden>('tiny/tiny-static.json');
  const rows = withTokens(golden);
  const texts = rows.map((row) => golden.texts[row]);
  let model: StaticEmbedder;

  beforeAll(async () => {
    model = await StaticEmbedder.load(fixture('models/tiny-static'));
  });
  afterAll(() => model.close());

  it('tokenises as the library does, without special tokens', async () => {
    const tokens = await model.tokenize(golden.texts);
    expect(tokens.map(({ ids }) => ids)).toEqual(golden.input_ids);
    const [hello] = await model.tokenize('Hello');
    expect(hello.offsets[0][0]).toBe(0);
    expect(hello.offsets.at(-1)?.[1]).toBe(5);
    expect(await model.countTokens('')).toBe(0);
  });

  it('gives the vectors of sentence-transformers', async () => {
    const embeddings = readMatrix('tiny/tiny-static_embeddings.f32.bin', DIMS);
    expectRows(await model.encode(texts), embeddings, EXACT, rows);
  });

  it('gives zeros for a text without tokens, also normalised', async () => {
    for (const options of [{}, { normalize: true }]) {
      expect((await model.encode(['', '   '], options)).data).toEqual(new Float32Array(2 * DIMS));
    }
  });

  it('normalises and truncates in the order of sentence-transformers', async () => {
    const normalized = readMatrix('tiny/tiny-static_normalized.f32.bin', DIMS);
    expectRows(await model.encode(texts, { normalize: true }), normalized, EXACT, rows);
    const short = readMatrix('tiny/tiny-static_dim16.f32.bin', 16);
    expectRows(await model.encode(texts, { truncateDim: 16 }), short, EXACT, rows);
    const both = await model.encode(texts, { truncateDim: 16, normalize: true });
    for (const row of both) expect(Math.hypot(...row)).toBeCloseTo(1, 6);
  });

  it('does not depend on how the texts are grouped', async () => {
    const together = await model.encode(texts);
    const alone = await Promise.all(texts.map((text) => model.encode(text)));
    alone.forEach((one, i) => {
      expect(one.data).toEqual(together.row(i));
    });
  });
});

describe('tiny-model2vec, which the two libraries read differently', () => {
  const golden = readGolden<Golden>('tiny/tiny-model2vec.json');
  const rows = withTokens(golden);
  const texts = rows.map((row) => golden.texts[row]);

  it('gives the vectors of sentence-transformers, since it has a modules.json', async () => {
    await using model = await StaticEmbedder.load(fixture('models/tiny-model2vec'));
    expect(model.maxTokens).toBe(512);
    const embeddings = readMatrix('tiny/tiny-model2vec_st.f32.bin', DIMS);
    expectRows(await model.encode(texts), embeddings, EXACT, rows);
  });

  it('gives the vectors of model2vec if asked to', async () => {
    await using model = await StaticEmbedder.load(fixture('models/tiny-model2vec'), { library: 'model2vec' });
    const embeddings = readMatrix('tiny/tiny-model2vec_embeddings.f32.bin', DIMS);
    expectRows(await model.encode(texts), embeddings, EXACT, rows);
  });
});
