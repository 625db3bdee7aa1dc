import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SparseEmbedder, type SparseVector } from '#dist/index.js';
import { fixture, readGolden } from '../text/goldens.js';
import { modelFolders } from '../text/model-folders.js';

interface Sparse {
  indices: number[];
  values: number[];
}

interface Golden {
  texts: string[];
  vocab: number;
  expected: Sparse[];
  expected_max_active_dims_8: Sparse[];
  decode_top5_first6: [string, number][][];
  similarity_first6_dot: number[][];
}

function expectVectors(actual: SparseVector[], expected: Sparse[]): void {
  expect(actual.length).toBe(expected.length);
  expected.forEach(({ indices, values }, i) => {
    expect(Array.from(actual[i].indices), `text ${i}`).toEqual(indices);
    values.forEach((value, at) => {
      expect(Math.abs(actual[i].values[at] - value)).toBeLessThanOrEqual(1e-4);
    });
  });
}

describe('SparseEmbedder', () => {
  const golden = readGolden<Golden>('tiny/tiny-splade.json');
  let model: SparseEmbedder;
  beforeAll(async () => {
    model = await SparseEmbedder.load(fixture('models/tiny-splade'));
  });
  afterAll(() => model.close());

  it('gives the weights of sentence-transformers', async () => {
    expectVectors(await model.encode(golden.texts), golden.expected);
    expect(model.dimensions).toBe(golden.vocab);
    expectVectors(await model.encode(golden.texts, { maxActiveDims: 8 }), golden.expected_max_active_dims_8);
    expectVectors(await model.encodeQuery(golden.texts.slice(0, 2)), golden.expected.slice(0, 2));
    expectVectors(await model.encodeDocument(golden.texts[0]), golden.expected.slice(0, 1));
  });

  it('compares by the dot product', async () => {
    const vectors = await model.encode(golden.texts.slice(0, 6));
    const { data, rows, cols } = model.similarity(vectors, vectors);
    expect([rows, cols]).toEqual([6, 6]);
    golden.similarity_first6_dot.flat().forEach((value, i) => {
      expect(Math.abs(data[i] - value)).toBeLessThanOrEqual(1e-4);
    });
    expect(model.similarity(vectors[0], vectors).cols).toBe(6);
  });

  it('spells the heaviest words', async () => {
    const vectors = await model.encode(golden.texts.slice(0, 6));
    for (const [i, vector] of vectors.entries()) {
      const words = await model.decode(vector, { topK: 5 });
      expect(words.map(({ token }) => token)).toEqual(golden.decode_top5_first6[i].map(([token]) => token));
      expect((await model.decode(vector)).length).toBe(vector.indices.length);
    }
  });

  it('refuses misuse', async () => {
    const wrong = { indices: Uint32Array.from([3, 1]), values: new Float32Array(2) };
    for (const call of [
      () => model.encode(5 as never),
      () => model.encode('a', { maxActiveDims: 0 }),
      () => model.encode('a', { promptName: 'nothing' }),
      () => model.encode('a', { maxActiveDim: 5 } as never),
      async () => model.similarity(wrong, wrong),
      () => model.decode(wrong),
      () => model.decode({ indices: new Uint32Array(0), values: new Float32Array(0) }, { topK: -1 }),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
    }
    expect(await model.encode([])).toEqual([]);
  });

  it('refuses a model of another kind', async () => {
    await expect(SparseEmbedder.load(fixture('models/tiny-bert-cls'))).rejects.toMatchObject({
      code: 'ERR_MODEL_INVALID',
      message: expect.stringMatching(/SpladePooling/),
    });
  });
});

describe('what the files of a SparseEmbedder say', () => {
  const { variant } = modelFolders();

  it('must be of a graph with logits: other vectors of tokens are no weights of words', async () => {
    const graph = await readFile(fixture('graphs/no_mask.onnx'));
    const id = await variant('tiny-splade', { 'onnx/model.onnx': graph });
    await expect(SparseEmbedder.load(id)).rejects.toMatchObject({
      code: 'ERR_MODEL_INVALID',
      message: expect.stringMatching(/logits over the vocabulary.*'last_hidden_state' has a width of 4/),
    });
  });

  it('holds for a graph that runs one text at a time', async () => {
    const graph = await readFile(fixture('graphs/one_text.onnx'));
    const config = JSON.parse(await readFile(fixture('models/tiny-splade/config.json'), 'utf8')) as object;
    const files = { 'onnx/model.onnx': graph, 'config.json': { ...config, vocab_size: 4 } };
    await using model = await SparseEmbedder.load(await variant('tiny-splade', files));
    const texts = ['hello', 'hello fox', 'fox hello'];
    const vectors = await model.encode(texts);
    for (const [i, text] of texts.entries()) {
      const [alone] = await model.encode(text);
      expect([...vectors[i].values]).toEqual([...alone.values]);
    }
  });

  it('of the lengths of queries and documents, and of similarity, holds', async () => {
    const files = {
      'sentence_bert_config.json': { query_length: 5, document_length: 9 },
      'config_sentence_transformers.json': { similarity_fn_name: 'cosine' },
    };
    await using model = await SparseEmbedder.load(await variant('tiny-splade', files));
    const long = 'the quick brown fox jumps over the lazy dog '.repeat(3);
    const counts: number[] = [];
    const onUsage = ({ tokens }: { tokens: number }) => void counts.push(tokens);
    await model.encodeQuery(long, { onUsage });
    await model.encodeDocument(long, { onUsage });
    const [vector] = await model.encode(long, { onUsage });
    expect(counts.slice(0, 2)).toEqual([5, 9]);
    expect(counts[2]).toBeGreaterThan(20);
    const half = { ...vector, values: vector.values.map((value) => value / 2) };
    const none = { indices: new Uint32Array(), values: new Float32Array() };
    const { data } = model.similarity(vector, [half, none]);
    expect(data[0]).toBeCloseTo(1, 6);
    expect(data[1]).toBe(0);
  });
});
