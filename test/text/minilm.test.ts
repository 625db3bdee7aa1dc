import { simd } from 'embedlane/vectors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TextEmbedder } from '#dist/text/index.js';
import { expectRows, readGolden, readMatrix, shuffled } from './goldens.js';

const golden = readGolden<{ texts: string[] }>('minilm/embeddings.json');
const normalized = readMatrix('minilm/embeddings.f32.bin', 384);
/** `model_fp16.onnx` stores its weights in half precision, which moves components by up to 2e-4. */
const FP16 = { cosine: 0.99999, absolute: 5e-4 };

describe('all-MiniLM-L6-v2 against sentence-transformers', () => {
  let model: TextEmbedder;
  beforeAll(async () => {
    model = await TextEmbedder.load('all-MiniLM-L6-v2');
  });
  afterAll(() => model?.close());

  it('says what it is', () => {
    expect([model.modelId, model.dimensions, model.maxTokens]).toEqual(['all-MiniLM-L6-v2', 384, 256]);
  });

  it('gives the same vectors in one call', async () => {
    expectRows(await model.encode(golden.texts), normalized, FP16);
  });

  it('gives the same vectors one by one', async () => {
    for (let row = 0; row < golden.texts.length; row += 7) {
      expectRows(await model.encode(golden.texts[row]), normalized, FP16, [row]);
    }
  });

  it.each([1, 2, 3])('gives the same vectors in any order (%i)', async (seed) => {
    const order = shuffled(golden.texts.length, seed);
    expectRows(await model.encode(order.map((row) => golden.texts[row])), normalized, FP16, order);
  });

  it.each([1, 300, 8192])('gives the same vectors with a token budget of %i', async (tokenBudget) => {
    await using other = await TextEmbedder.load('all-MiniLM-L6-v2', { tokenBudget });
    expectRows(await other.encode(golden.texts), normalized, FP16);
  });

  it('cuts dimensions after the model has normalised, and normalises again only when asked', async () => {
    const cut = await model.encode(golden.texts, { truncateDim: 128 });
    expectRows(cut, readMatrix('minilm/embeddings_dim128.f32.bin', 128), FP16);
    const renormalized = await model.encode(golden.texts, { truncateDim: 128, normalize: true });
    expectRows(renormalized, readMatrix('minilm/embeddings_dim128_normalized.f32.bin', 128), {
      cosine: FP16.cosine,
      absolute: 1e-3,
    });
  });

  it('gives the same vectors when its threads spin', async () => {
    await using spinning = await TextEmbedder.load('all-MiniLM-L6-v2', { spin: 20 });
    expectRows(await spinning.encode(golden.texts), normalized, FP16);
  });

  it('cuts texts at maxTokens', async () => {
    await using short = await TextEmbedder.load('all-MiniLM-L6-v2', { maxTokens: 32 });
    expect(short.maxTokens).toBe(32);
    expectRows(await short.encode(golden.texts), readMatrix('minilm/embeddings_seq32.f32.bin', 384), FP16);
  });

  it('compares by cosine', async () => {
    const golden40 = readMatrix('minilm/sim_cos_sim.f32.bin', 40);
    const matrix = model.similarity(
      await model.encode(golden.texts.slice(0, 40)),
      await model.encode(golden.texts.slice(40, 80)),
    );
    expect([matrix.rows, matrix.cols]).toEqual([40, 40]);
    const difference = matrix.data.map((score, i) => Math.abs(score - golden40.data[i]));
    expect(Math.max(...difference)).toBeLessThan(1e-3);
  });
});

describe('the int8 file of all-MiniLM-L6-v2', () => {
  const int8 = readMatrix('minilm/embeddings_int8_model.f32.bin', 384);
  // The golden was made on a CPU with VNNI. Without it, products of bytes saturate and results move further.
  const vnni = simd().available.includes('avx512_vnni');
  const GOLDEN = vnni ? { cosine: 0.99999, absolute: 1e-4 } : { cosine: 0.99, absolute: 0.05 };
  // A text's scales are its own, so its batch does not matter.
  const SAME = vnni ? { cosine: 0.999999, absolute: 1e-6 } : { cosine: 0.9999, absolute: 5e-3 };

  it('gives its golden one by one and in batches, whatever the batch', async () => {
    await using model = await TextEmbedder.load('all-MiniLM-L6-v2', { dtype: 'int8' });
    const together = await model.encode(golden.texts);
    expectRows(together, int8, GOLDEN);
    for (let row = 0; row < golden.texts.length; row += 5) {
      const alone = await model.encode(golden.texts[row]);
      expectRows(alone, int8, GOLDEN, [row]);
      expectRows(alone, together, SAME, [row]);
    }
  });
});
