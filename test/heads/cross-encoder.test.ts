import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CrossEncoder } from '#dist/index.js';
import { fixture, readGolden } from '../text/goldens.js';
import { modelFolders } from '../text/model-folders.js';

interface Golden {
  pairs: [string, string][];
  logits: number[];
  scores: number[];
  documents: string[];
  rank: { query: string; expected: { corpus_id: number; score: number }[] }[];
  rank_top3_with_documents: { corpus_id: number; score: number; text: string }[];
}

function expectClose(actual: ArrayLike<number>, expected: readonly number[], tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  expected.forEach((value, i) => {
    expect(Math.abs(actual[i] - value), `value ${i}`).toBeLessThanOrEqual(tolerance);
  });
}

describe('CrossEncoder', () => {
  const golden = readGolden<Golden>('tiny/tiny-crossencoder.json');
  let model: CrossEncoder;
  beforeAll(async () => {
    model = await CrossEncoder.load(fixture('models/tiny-crossencoder'));
  });
  afterAll(() => model.close());

  it('gives the scores of sentence-transformers', async () => {
    expect(model.labels).toBe(1);
    expect(model.maxTokens).toBe(64);
    expectClose(await model.predict(golden.pairs), golden.scores, 1e-4);
    expectClose(await model.predict(golden.pairs, { activation: 'identity' }), golden.logits, 1e-4);
    expect(await model.predict(golden.pairs.slice(0, 2), { activation: 'softmax' })).toEqual(
      new Float32Array([1, 1]),
    );
  });

  it('ranks as sentence-transformers does', async () => {
    for (const { query, expected } of golden.rank) {
      const ranked = await model.rank(query, golden.documents);
      expectClose(
        ranked.map(({ score }) => score),
        expected.map(({ score }) => score),
        1e-4,
      );
      expect(ranked.map(({ corpusId }) => corpusId)).toEqual(expected.map(({ corpus_id }) => corpus_id));
    }
    const top = await model.rank(golden.rank[0].query, golden.documents, { topK: 3, returnDocuments: true });
    expect(top.map(({ corpusId, text }) => [corpusId, text])).toEqual(
      golden.rank_top3_with_documents.map(({ corpus_id, text }) => [corpus_id, text]),
    );
  });

  it('classifies single texts, and counts tokens without padding', async () => {
    const tokens: number[] = [];
    const onUsage = (usage: { tokens: number }) => tokens.push(usage.tokens);
    const both = await model.predict(['a', 'a b c d'], { onUsage });
    expectClose(both.subarray(0, 1), Array.from(await model.predict(['a'], { onUsage })), 1e-5);
    expectClose(both.subarray(1), Array.from(await model.predict(['a b c d'], { onUsage })), 1e-5);
    expect(tokens[0]).toBe(tokens[1] + tokens[2]);
    expect(model.labelNames).toEqual(['LABEL_0']);
  });

  it('returns nothing for nothing', async () => {
    expect(await model.predict([])).toEqual(new Float32Array(0));
    expect(await model.rank('a', [])).toEqual([]);
  });

  it.each([
    ['pairs that are none', [7, 8], {}, /pairs\[0\]/],
    ['texts and pairs mixed', ['ab', ['c', 'd']], {}, /pairs\[1\]/],
    ['pairs and texts mixed', [['c', 'd'], 'ab'], {}, /pairs\[1\]/],
    ['triples', [['a', 'b', 'c']], {}, /pairs\[0\]/],
    ['no list', 'ab', {}, /pairs/],
    ['an unknown activation', [['a', 'b']], { activation: 'relu' }, /sigmoid/],
    ['an unknown option', [['a', 'b']], { activaton: 'sigmoid' }, /did you mean 'activation'/],
  ])('refuses %s', async (_, pairs, options, message) => {
    await expect(model.predict(pairs as never, options as never)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG',
      message: expect.stringMatching(message),
    });
  });

  it('refuses to rank nonsense', async () => {
    for (const call of [
      model.rank(5 as never, ['a']),
      model.rank('a', 'b' as never),
      model.rank('a', [5 as never]),
      model.rank('a', ['b'], { topK: 0 }),
    ]) {
      await expect(call).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
    }
  });

  it('stops when it is aborted, reports progress, and passes on what its listener throws', async () => {
    const pairs = Array.from({ length: 2000 }, (): [string, string] => ['query', 'a document']);
    const controller = new AbortController();
    const aborted = model.predict(pairs, { signal: controller.signal, onProgress: () => controller.abort() });
    await expect(aborted).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    const throwing = model.predict(pairs, {
      onProgress: () => {
        throw new RangeError('mine');
      },
    });
    await expect(throwing).rejects.toThrow(new RangeError('mine'));
    const seen: number[] = [];
    await model.predict(pairs, { onProgress: ({ completed }) => seen.push(completed) });
    expect(seen.at(-1)).toBe(2000);
  });

  it('rejects after close', async () => {
    const other = await CrossEncoder.load(fixture('models/tiny-crossencoder'));
    await other.close();
    await expect(other.predict([['a', 'b']])).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });

  it('refuses a model of another kind', async () => {
    await expect(CrossEncoder.load(fixture('models/tiny-bert-cls'))).rejects.toMatchObject({
      code: 'ERR_MODEL_INVALID',
      message: expect.stringMatching(/logits of rank 2/),
    });
  });
});

describe('a graph without logits', () => {
  const { variant } = modelFolders();

  it('is refused where its one vector for each text is named as something else', async () => {
    const graph = await readFile(fixture('graphs/pooler_output.onnx'));
    const id = await variant('tiny-crossencoder', { 'onnx/model.onnx': graph });
    await expect(CrossEncoder.load(id)).rejects.toMatchObject({
      code: 'ERR_MODEL_INVALID',
      message: expect.stringMatching(/an output logits of rank 2.*pooler_output/) as string,
    });
  });
});

describe('prompts of a CrossEncoder', () => {
  const { variant } = modelFolders();

  it("come before the first text of each pair, the model's default unless the call says", async () => {
    const pairs: [string, string][] = [
      ['hello', 'world'],
      ['', 'the quick brown fox'],
    ];
    const withPrompt = pairs.map(([first, second]): [string, string] => [`find this: ${first}`, second]);
    await using plain = await CrossEncoder.load(fixture('models/tiny-crossencoder'));
    const id = await variant('tiny-crossencoder', {
      'config_sentence_transformers.json': { prompts: { q: 'find this: ' }, default_prompt_name: 'q' },
    });
    await using model = await CrossEncoder.load(id);
    const expected = Array.from(await plain.predict(withPrompt));
    const bare = Array.from(await plain.predict(pairs));
    expect(Math.abs(expected[0] - bare[0])).toBeGreaterThan(0.01);
    expectClose(await model.predict(pairs), expected, 1e-5);
    expectClose(await plain.predict(pairs, { prompt: 'find this: ' }), expected, 1e-5);
    expectClose(await model.predict(pairs, { prompt: '' }), bare, 1e-5);
    const [{ score }] = await model.rank('hello', ['world']);
    expect(score).toBeCloseTo(expected[0], 5);
    await expect(model.predict(pairs, { promptName: 'p' })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG',
    });
  });
});

describe('a graph without attention_mask', () => {
  const { variant } = modelFolders();

  it('never takes padding for text', async () => {
    const id = await variant('tiny-crossencoder', {
      'onnx/model.onnx': await readFile(fixture('graphs/logits.onnx')),
      // The graph adds up ids, and that of [PAD] is 0.
      'tokenizer_config.json': { pad_token: '[SEP]', model_max_length: 64 },
    });
    await using model = await CrossEncoder.load(id);
    const pairs: [string, string][] = [
      ['hello', 'world'],
      ['hello', 'world and more of it'],
      ['a', 'b'],
    ];
    const scores = (some: [string, string][]) => model.predict(some, { activation: 'identity' });
    const alone = await Promise.all(pairs.map(async (pair) => (await scores([pair]))[0]));
    expect([...(await scores(pairs))]).toEqual(alone);
  });
});
