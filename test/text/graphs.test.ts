import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { TextEmbedder } from '#dist/text/index.js';
import { fixture } from './goldens.js';
import { modelFolders } from './model-folders.js';

describe('graphs that pool', () => {
  const { variant } = modelFolders();
  const graph = (name: string) => readFile(fixture(`graphs/${name}.onnx`));

  it('are taken at their word: sentence_embedding is the vector', async () => {
    const id = await variant('tiny-bert-cls', { 'onnx/model.onnx': await graph('sentence_embedding') });
    await using model = await TextEmbedder.load(id);
    const [{ ids }] = await model.tokenize('hello world');
    const sum = ids.reduce((total, value) => total + value, 0);
    expect(model.dimensions).toBe(4);
    const expected = [0, 1, 2, 3].map((d) => sum + (ids.length * d) / 8);
    expect([...(await model.encode('hello world')).data]).toEqual(expected);
    const e = await model.encode(['', 'hello world', 'a b c']);
    expect([...e.row(1)]).toEqual(expected);
    await expect(model.encode('a', { output: 'token' })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG',
      message: expect.stringMatching(/token vectors for output 'token'/) as string,
    });
    await expect(TextEmbedder.load(id, { pooling: 'mean' })).rejects.toMatchObject({
      code: 'ERR_MODEL_INVALID',
      message: expect.stringMatching(/token vectors for the pooling option.*sentence_embedding/) as string,
    });
  });

  it("have the model's other modules applied to pooler_output", async () => {
    const id = await variant('tiny-bert-cls', { 'onnx/model.onnx': await graph('pooler_output') });
    await using model = await TextEmbedder.load(id);
    const first = (await model.tokenize('hello'))[0].ids[0];
    const raw = [0, 1, 2, 3].map((d) => first + d / 8);
    const e = await model.encode(['hello', 'hello again']);
    raw.forEach((value, d) => void expect(e.row(1)[d]).toBeCloseTo(value / Math.hypot(...raw), 6));
  });

  it('say which class is for their logits', async () => {
    const id = await variant('tiny-bert-cls', { 'onnx/model.onnx': await graph('logits') });
    await expect(TextEmbedder.load(id)).rejects.toMatchObject({
      code: 'ERR_MODEL_INVALID',
      message: expect.stringMatching(/has logits; a reranker is loaded by CrossEncoder/) as string,
    });
  });
});

describe('a graph with the vectors of an inner layer only', () => {
  const { variant } = modelFolders();

  it('is refused: they are not those of the model', async () => {
    const bytes = (await readFile(fixture('graphs/no_mask.onnx'))).toString('latin1');
    // Names of the same length, so that the file stays well-formed.
    const renamed = Buffer.from(bytes.replaceAll('last_hidden_state', 'hidden_states.000'), 'latin1');
    const id = await variant('tiny-bert-cls', { 'onnx/model.onnx': renamed });
    await expect(TextEmbedder.load(id, { pooling: 'mean' })).rejects.toMatchObject({
      code: 'ERR_MODEL_INVALID',
      message: expect.stringMatching(/output last_hidden_state.*hidden_states\.000/) as string,
    });
  });
});

describe('a graph that takes position_ids', () => {
  const { variant } = modelFolders();

  it.each([
    ['tiny-roberta', {}, 2],
    ['tiny-roberta', { pad_token_id: 5 }, 6],
    ['tiny-mpnet', { pad_token_id: 5 }, 2],
    ['tiny-bert-cls', {}, 0],
  ])('gets those of the architecture: %s %j begins at %i', async (base, changed, first) => {
    const config = JSON.parse(await readFile(fixture(`models/${base}/config.json`), 'utf8')) as object;
    const id = await variant(base, {
      'onnx/model.onnx': await readFile(fixture('graphs/past_key_values.onnx')),
      'config.json': { ...config, ...changed },
    });
    await using model = await TextEmbedder.load(id, { pooling: 'mean' });
    const [{ ids }] = await model.tokenize('hello world');
    const [rows] = await model.encode(['hello world', 'a longer text beside it'], { output: 'token' });
    expect(ids.map((token, i) => rows.row(i)[0] - token)).toEqual(ids.map((_, i) => first + i));
  });
});

describe('a graph whose output has another name', () => {
  const { variant } = modelFolders();

  it('is refused where its width is that of the vocabulary: those are logits', async () => {
    const bytes = (await readFile(fixture('graphs/no_mask.onnx'))).toString('latin1');
    // Names of the same length, so that the file stays well-formed.
    const renamed = Buffer.from(bytes.replaceAll('last_hidden_state', 'prediction_scores'), 'latin1');
    const config = JSON.parse(await readFile(fixture('models/tiny-bert-cls/config.json'), 'utf8')) as object;
    const files = { 'onnx/model.onnx': renamed, 'config.json': { ...config, vocab_size: 4 } };
    await expect(TextEmbedder.load(await variant('tiny-bert-cls', files))).rejects.toMatchObject({
      code: 'ERR_MODEL_INVALID',
      message: expect.stringMatching(/'prediction_scores' has one value for each.*SparseEmbedder/) as string,
    });
    const other = await variant('tiny-bert-cls', { 'onnx/model.onnx': renamed });
    await using model = await TextEmbedder.load(other, { pooling: 'mean' });
    expect(model.dimensions).toBe(4);
  });
});

describe('a graph for one text at a time', () => {
  const { variant } = modelFolders();

  it('gets them one by one', async () => {
    const files = { 'onnx/model.onnx': await readFile(fixture('graphs/one_text.onnx')) };
    await using model = await TextEmbedder.load(await variant('tiny-bert-cls', files), { pooling: 'mean' });
    const words = ['hello', 'fox', 'dog', 'the', 'quick', 'brown', 'lazy', 'over'];
    const texts = words.flatMap((first) => words.map((second) => `${first} ${second} ${'fox '.repeat(40)}`));
    const tokens = await model.tokenize(texts);
    const e = await model.encode(texts);
    tokens.forEach(({ ids }, i) => {
      const mean = ids.reduce((sum, id) => sum + id, 0) / ids.length;
      expect(e.row(i)[0]).toBeCloseTo(mean, 3);
    });
  });
});

describe('a graph without attention_mask', () => {
  const { variant } = modelFolders();

  it.each(['sentence', 'token'] as const)('never takes padding for text (%s)', async (output) => {
    const id = await variant('tiny-bert-cls', {
      'onnx/model.onnx': await readFile(fixture('graphs/no_mask.onnx')),
    });
    await using model = await TextEmbedder.load(id, { pooling: 'mean' });
    const texts = ['a', 'a b', 'a b c', 'a b c d', ''];
    const values = async (all: string[]): Promise<unknown[]> =>
      output === 'token' ? [...(await model.encode(all, { output }))] : [...(await model.encode(all))];
    // One after the other: calls at the same time share runs.
    const alone: unknown[] = [];
    for (const text of texts) alone.push(...(await values([text])));
    expect(await values(texts)).toEqual(alone);
  });
});
