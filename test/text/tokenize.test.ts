import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TextEmbedder } from '#dist/text/index.js';
import { fixture, readGolden } from './goldens.js';

interface TokensGolden {
  tokens: { input_ids: number[]; untruncated_tokens: number; offsets_utf16: number[][] }[];
}
interface TokenizerGolden {
  input_ids: number[][];
  offsets_utf16: number[][][];
}

const { texts: strings } = readGolden<{ texts: string[] }>('tokenizers/texts.json');

describe('tokenize', () => {
  let model: TextEmbedder;
  beforeAll(async () => {
    model = await TextEmbedder.load('all-MiniLM-L6-v2');
  });
  afterAll(() => model?.close());

  it('gives the ids and offsets of Hugging Face tokenizers after truncation', async () => {
    const { texts } = readGolden<{ texts: string[] }>('minilm/embeddings.json');
    const { tokens } = readGolden<TokensGolden>('minilm/tokens.json');
    const actual = await model.tokenize(texts);
    expect(actual.map(({ ids }) => ids)).toEqual(tokens.map(({ input_ids }) => input_ids));
    expect(actual.map(({ offsets }) => offsets)).toEqual(tokens.map(({ offsets_utf16 }) => offsets_utf16));
    for (const { ids, tokens } of actual) expect(tokens).toHaveLength(ids.length);
  });

  it('counts the tokens of whole texts', async () => {
    const { texts } = readGolden<{ texts: string[] }>('minilm/embeddings.json');
    const { tokens } = readGolden<TokensGolden>('minilm/tokens.json');
    const counts = await Promise.all(texts.map((text) => model.countTokens(text)));
    expect(counts).toEqual(tokens.map(({ untruncated_tokens }) => untruncated_tokens));
  });

  it('spells tokens as the tokenizer does', async () => {
    const [{ tokens }] = await model.tokenize('embedding 😀');
    expect(tokens).toEqual(['[CLS]', 'em', '##bed', '##ding', '[UNK]', '[SEP]']);
  });

  it('reads a lone surrogate as U+FFFD', async () => {
    const [lone, replaced] = await model.tokenize(['a \ud800 b', 'a \ufffd b']);
    expect(lone).toEqual(replaced);
  });
});

describe.each([
  ['all-MiniLM-L6-v2', 'all-MiniLM-L6-v2'],
  ['tiny-mpnet', fixture('models/tiny-mpnet')],
])('the tokenizer of %s', (name, id) => {
  it('agrees with Hugging Face tokenizers on every string', async () => {
    const golden = readGolden<TokenizerGolden>(`tokenizers/${name}.json`);
    await using model = await TextEmbedder.load(id);
    const actual = await model.tokenize(strings);
    actual.forEach(({ ids, offsets }, i) => {
      const whole = golden.input_ids[i];
      if (whole.length <= model.maxTokens) {
        expect(ids, JSON.stringify(strings[i])).toEqual(whole);
        expect(offsets, JSON.stringify(strings[i])).toEqual(golden.offsets_utf16[i]);
      } else {
        // The golden is untruncated: truncation keeps its beginning and the special token at the end.
        const kept = whole.slice(0, model.maxTokens - 1);
        expect(ids, JSON.stringify(strings[i])).toEqual([...kept, whole[whole.length - 1]]);
      }
    });
    const counts = await Promise.all(strings.map((text) => model.countTokens(text)));
    expect(counts).toEqual(golden.input_ids.map((ids) => ids.length));
  });
});
