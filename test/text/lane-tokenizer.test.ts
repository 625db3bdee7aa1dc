import { readFileSync } from 'node:fs';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { loadBinding } from '#dist/native/load.js';
import { LibraryTokenizer } from '#dist/text/lane/library-tokenizer.js';
import type { Truncation } from '#dist/text/lane/sequences.js';
import { TextTokenizer } from '#dist/text/lane/tokenizer.js';
import { beginning } from '#dist/text/windows.js';
import { fuzzTexts, fuzzWords, generator, wellFormed } from './fuzz-texts.js';
import { fixture, readGolden } from './goldens.js';
import { modelFolders } from './model-folders.js';

type Json = Record<string, unknown>;

const MINILM = '../../../models/all-MiniLM-L6-v2';
const { texts: goldenTexts } = readGolden<{ texts: string[] }>('tokenizers/texts.json');
/** Characters whose order among others matters are the library's. */
const REORDERING = 'a\u302e\u0301 the end';
const TEXTS = [...goldenTexts, ...fuzzTexts(1500), ...fuzzWords(500), REORDERING, '', ' '].map(wellFormed);

interface Options {
  maxTokens?: number;
  lowercase?: boolean;
  truncationSide?: 'left' | 'right';
  padToken?: string;
}

function openFile(file: string, { maxTokens, lowercase = false, truncationSide, padToken }: Options = {}) {
  const files = { file, truncationSide, paddingSide: undefined, padToken, padId: undefined };
  return TextTokenizer.open({ files, maxTokens, lowercase });
}

const open = (model: string, options?: Options) =>
  openFile(fixture(`models/${model}/tokenizer.json`), options);

/** The same of the addon and of the library. */
async function expectSame(tokenizer: TextTokenizer, texts: string[], truncation?: Truncation): Promise<void> {
  const { sequences, unfinished } = await tokenizer.sequences(texts, truncation);
  const expected = (await (await tokenizer.library()).sequences(texts, truncation, [])).sequences;
  expect(unfinished).toEqual([]);
  expect(sequences).toHaveLength(texts.length);
  sequences.forEach(({ ids, typeIds }, i) => {
    expect(Array.from(ids), JSON.stringify(texts[i])).toEqual(Array.from(expected[i].ids));
    expect(typeIds).toBe(expected[i].typeIds);
  });
}

describe.skipIf(loadBinding().backend !== 'native')('a tokenizer of the addon in a lane', () => {
  const { variant } = modelFolders();
  let json: Json & { added_tokens: Json[]; model: { vocab: Record<string, number> } & Json };
  beforeAll(() => {
    json = JSON.parse(readFileSync(fixture('models/tiny-bert-cls/tokenizer.json'), 'utf8'));
  });
  afterEach(() => void vi.restoreAllMocks());

  async function changed(changes: Json, options?: Options): Promise<TextTokenizer> {
    return openFile(
      `${await variant('tiny-bert-cls', { 'tokenizer.json': { ...json, ...changes } })}/tokenizer.json`,
      options,
    );
  }

  it.each([MINILM, 'tiny-bert-cls', 'tiny-mpnet', 'tiny-distilbert'])(
    'gives the sequences of the library: %s',
    async (model) => {
      const tokenizer = await open(model);
      expect(tokenizer.native).toBe(true);
      await expectSame(tokenizer, TEXTS);
      const { specialTokens, hasTypeIds } = await tokenizer.library();
      expect([tokenizer.specialTokens, tokenizer.hasTypeIds]).toEqual([specialTokens, hasTypeIds]);
      expect(await tokenizer.count(TEXTS)).toEqual(await (await tokenizer.library()).count(TEXTS));
    },
  );

  it.each(['left', 'right'] as const)(
    'cuts on the %s as the library does, wherever a call wants it',
    async (truncationSide) => {
      for (const maxTokens of [3, 4, 8, 13]) {
        const tokenizer = await open('tiny-mpnet', { maxTokens, truncationSide });
        await expectSame(tokenizer, TEXTS);
        for (const wish of [
          { maxTokens: undefined, side: 'left' },
          { maxTokens: undefined, side: 'right' },
          { maxTokens: 6, side: 'left' },
          { maxTokens: 6, side: 'right' },
          { maxTokens: 5, side: undefined },
          // No room for any token of a text.
          { maxTokens: 2, side: undefined },
          { maxTokens: 1, side: 'left' },
        ] as const) {
          await expectSame(tokenizer, TEXTS.slice(0, 500), tokenizer.truncation(wish));
        }
      }
    },
  );

  it('cuts texts of about as many tokens as the model reads', async () => {
    const below = generator(5);
    const parts = ['the', 'unbelievably', 'x86', 'naïve', '漢字', '😀', 'a,b.c', '\n', '[SEP]', 'e\u0301'];
    const texts = Array.from({ length: 300 }, () => {
      return Array.from({ length: 20 + below(30) }, () => parts[below(parts.length)]).join(' ');
    });
    for (const truncationSide of ['left', 'right'] as const) {
      await expectSame(await open(MINILM, { maxTokens: 64, truncationSide }), texts);
    }
  });

  it('asks the library only for what it does not know itself, and puts that where it belongs', async () => {
    const opened = vi.spyOn(LibraryTokenizer, 'open');
    const tokenizer = await open('tiny-bert-cls', { maxTokens: 16 });
    await tokenizer.sequences(TEXTS.filter((text) => !/[^ -\u02ff]/.test(text)));
    await tokenizer.promptLength('query: ');
    expect(opened).not.toHaveBeenCalled();
    const asked = vi.spyOn(LibraryTokenizer.prototype, 'sequences');
    const texts = ['the end', REORDERING, 'a cat', REORDERING, ''];
    const { sequences } = await tokenizer.sequences(texts);
    expect(opened).toHaveBeenCalledTimes(1);
    expect(asked.mock.calls.map(([some]) => some)).toEqual([[REORDERING, REORDERING]]);
    expect(sequences[3]).toEqual(sequences[1]);
    await expectSame(tokenizer, texts);
    expect(opened).toHaveBeenCalledTimes(1);
  });

  it('knows of a beginning whether it stands for the whole', async () => {
    const maxTokens = 32;
    const tokenizer = await open('tiny-bert-cls', { maxTokens });
    const below = generator(9);
    const parts = ['the', 'unbelievably', 'programmers', 'naïve', 'a,b.c', 'e\u0301', '[SEP]'];
    const whole = [
      ...Array.from({ length: 200 }, () =>
        Array.from({ length: 60 }, () => parts[below(parts.length)]).join(below(4) === 0 ? '' : ' '),
      ),
      '漢'.repeat(300),
      `${' '.repeat(300)}the end`,
      `the${'e'.repeat(300)}`,
    ];
    const texts = whole.map((text) => beginning(text, 20 + below(250)));
    const { sequences, unfinished } = await tokenizer.sequences(texts, undefined, [...texts.keys()]);
    const expected = await tokenizer.sequences(whole);
    expect(unfinished.length).toBeGreaterThan(20);
    expect(texts.length - unfinished.length).toBeGreaterThan(50);
    for (const i of texts.keys()) {
      if (!unfinished.includes(i)) expect(sequences[i].ids, texts[i]).toEqual(expected.sequences[i].ids);
    }
    // The end of a text is not in its beginning.
    const end = await tokenizer.sequences(texts, { maxTokens, side: 'left' }, [0, 1, 2]);
    expect(end.unfinished).toEqual([0, 1, 2]);
  });

  it.each<[string, unknown]>([
    ['none', null],
    ['BERT', { type: 'BertProcessing', sep: ['[SEP]', 3], cls: ['[CLS]', 2] }],
    [
      'RoBERTa',
      {
        type: 'RobertaProcessing',
        sep: ['[SEP]', 3],
        cls: ['[CLS]', 2],
        trim_offsets: true,
        add_prefix_space: false,
      },
    ],
    ['one at the end', template([{ Sequence: { id: 'A', type_id: 0 } }, special('[SEP]')])],
    [
      'some at the start',
      template([special('[CLS]'), special('two'), special('[CLS]'), { Sequence: { id: 'A', type_id: 0 } }]),
    ],
    ['nothing but the text', template([{ Sequence: { id: 'A', type_id: 0 } }])],
  ])('puts special tokens around a text: %s', async (_, processor) => {
    for (const maxTokens of [undefined, 7]) {
      const tokenizer = await changed({ post_processor: processor }, { maxTokens });
      expect(tokenizer.native).toBe(true);
      await expectSame(tokenizer, TEXTS.slice(0, 400));
      expect(tokenizer.specialTokens).toBe((await tokenizer.library()).specialTokens);
    }
  });

  it('leaves tokenizers that it does not know to the library', async () => {
    const typed = template([special('[CLS]'), { Sequence: { id: 'A', type_id: 1 } }]);
    const added = json.added_tokens;
    const changes: Json[] = [
      { post_processor: typed },
      { post_processor: { type: 'Sequence', processors: [json.post_processor] } },
      { decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true } },
      {
        added_tokens: [...added, { ...added[0], id: Object.keys(json.model.vocab).length, content: 'a cat' }],
      },
      {
        added_tokens: [...added, { ...added[0], id: Object.keys(json.model.vocab).length + 7, content: '☃' }],
      },
      { added_tokens: [{ ...added[0], single_word: true }, ...added.slice(1)] },
    ];
    for (const change of changes) {
      const tokenizer = await changed(change);
      expect(tokenizer.native, JSON.stringify(change)).toBe(false);
      expect(await tokenizer.count(['a cat ☃'])).toEqual(
        await (await tokenizer.library()).count(['a cat ☃']),
      );
    }
    expect((await changed({ post_processor: typed })).hasTypeIds).toBe(true);
    for (const model of ['tiny-xlmr', 'tiny-roberta', 'tiny-decoder', 'tiny-modernbert']) {
      expect((await open(model)).native, model).toBe(false);
    }
  });

  it('lowercases once where it lowercases anyway', async () => {
    const vocab: Record<string, number> = { ...json.model.vocab };
    const texts: string[] = [];
    for (let code = 0xa0; code < 0x1e944; code++) {
      const character = String.fromCodePoint(code);
      if (code >= 0xd800 && code < 0xe000) continue;
      if (character.toLowerCase() === character) continue;
      for (const each of [
        character,
        ...character.toLowerCase().normalize('NFD'),
        ...character.normalize('NFD').toLowerCase(),
      ]) {
        for (const piece of [each, `##${each}`]) vocab[piece] ??= Object.keys(vocab).length;
      }
      texts.push(`a${character} ${character}\u0301`);
    }
    expect(texts.length).toBeGreaterThan(1000);
    const model = { ...json.model, vocab };
    const tokenizer = await changed({ model }, { lowercase: true });
    expect(tokenizer.native).toBe(true);
    await expectSame(tokenizer, texts);
    const cased = await changed(
      { normalizer: { ...(json.normalizer as Json), lowercase: false } },
      { lowercase: true },
    );
    expect(cased.native).toBe(false);
    const { sequences } = await cased.sequences(['THE End', 'the end']);
    expect(sequences[0]).toEqual(sequences[1]);
  });

  it('pads as the library would', async () => {
    for (const padToken of [undefined, '[PAD]', '[MASK]', 'the', 'no such token']) {
      const [own, other] = await Promise.all([
        open('tiny-bert-cls', { padToken }),
        changed({ post_processor: { type: 'Sequence', processors: [json.post_processor] } }, { padToken }),
      ]);
      expect([own.native, other.native]).toEqual([true, false]);
      expect(own.padding).toEqual(other.padding);
    }
  });

  it('refuses a limit without room for text', async () => {
    await expect(open('tiny-bert-cls', { maxTokens: 2 })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG',
      message: expect.stringMatching(/2 special tokens for maxTokens/) as string,
    });
  });
});

function special(id: string) {
  return { SpecialToken: { id, type_id: 0 } };
}

/** `two` stands for two tokens. */
function template(single: unknown[]) {
  const pair = [...single, { Sequence: { id: 'B', type_id: 1 } }];
  const special_tokens = Object.fromEntries(
    Object.entries({ '[CLS]': [2], '[SEP]': [3], two: [4, 1] }).map(([id, ids]) => [
      id,
      { id, ids, tokens: ids.map(String) },
    ]),
  );
  return { type: 'TemplateProcessing', single, pair, special_tokens };
}
