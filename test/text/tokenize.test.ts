import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TextEmbedder } from '#dist/text/index.js';
import { fixture, readGolden } from './goldens.js';
import { modelFolders } from './model-folders.js';

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

describe('settings of a BERT tokenizer', () => {
  const { variant } = modelFolders();
  const text = 'Naïve CAFÉ 中文 hello';
  const json = async (file: string) =>
    JSON.parse(await readFile(fixture(`models/tiny-bert-cls/${file}`), 'utf8')) as Record<string, object>;

  // Ids by AutoTokenizer of transformers 5.23 from the same files.
  const uncased = [2, 56, 510, 514, 845, 838, 617, 509, 333, 401, 863, 3];
  const unknown = [2, 1, 1, 333, 401, 863, 3];
  it.each<[string, Record<string, unknown>, boolean, number[]]>([
    ['do_lower_case', { tokenizer_class: 'BertTokenizer', do_lower_case: false }, true, unknown],
    ['do_lower_case of no class', { tokenizer_class: undefined, do_lower_case: false }, true, unknown],
    ['do_lower_case, by default true,', { tokenizer_class: 'BertTokenizer' }, false, uncased],
    ['strip_accents', { tokenizer_class: 'BertTokenizerFast', strip_accents: false }, true, unknown],
    [
      'tokenize_chinese_chars',
      { tokenizer_class: 'BertTokenizer', tokenize_chinese_chars: false },
      true,
      [2, 56, 510, 514, 845, 838, 617, 509, 1, 863, 3],
    ],
    ['do_lower_case of another class', { do_lower_case: false }, true, uncased],
  ])('%s: precede tokenizer.json as in transformers', async (_, settings, lowercase, expected) => {
    const tokenizer = await json('tokenizer.json');
    const id = await variant('tiny-bert-cls', {
      'tokenizer_config.json': { ...(await json('tokenizer_config.json')), ...settings },
      'tokenizer.json': { ...tokenizer, normalizer: { ...tokenizer.normalizer, lowercase } },
    });
    await using model = await TextEmbedder.load(id);
    expect(Array.from((await model.tokenize(text))[0].ids)).toEqual(expected);
    let used = 0;
    const onUsage = ({ tokens }: { tokens: number }) => {
      used = tokens;
    };
    await model.encode(text, { onUsage });
    expect(used).toBe(expected.length);
  });
});
