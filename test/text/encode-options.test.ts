import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Embeddings } from '#dist/core/embeddings.js';
import { TextEmbedder } from '#dist/text/index.js';
import { calibrationRanges, quantize } from '#dist/vectors/index.js';
import { expectRows, fixture, readGolden, readMatrix } from './goldens.js';
import { modelFolders } from './model-folders.js';

const { texts } = readGolden<{ texts: string[] }>('minilm/embeddings.json');
const HALF = { cosine: 0.99999, absolute: 5e-4 };

let minilm: TextEmbedder;
let bert: TextEmbedder;
let decoder: TextEmbedder;
beforeAll(async () => {
  [minilm, bert, decoder] = await Promise.all([
    TextEmbedder.load('all-MiniLM-L6-v2'),
    TextEmbedder.load(fixture('models/tiny-bert-cls')),
    TextEmbedder.load(fixture('models/tiny-decoder')),
  ]);
});
afterAll(() => Promise.all([minilm, bert, decoder].map((model) => model?.close())));

describe('precision', () => {
  const some = texts.slice(0, 48);

  it.each(['int8', 'uint8', 'binary', 'ubinary'] as const)(
    '%s: as quantize does, of all rows',
    async (precision) => {
      const floats = await minilm.encode(some);
      const codes = await minilm.encode(some, { precision });
      expect([codes.precision, codes.rows, codes.dims]).toEqual([precision, 48, 384]);
      expect(codes).toEqual(quantize(floats, precision));
    },
  );

  it('int8 is that of sentence-transformers, but for what half-precision weights move', async () => {
    const golden = readMatrix('minilm/embeddings.f32.bin', 384);
    const rows = { data: golden.data.slice(0, 48 * 384), rows: 48, dims: 384 };
    const expected = quantize(rows, 'int8').data;
    const { data } = await minilm.encode(some, { precision: 'int8' });
    const wrong = data.filter((value, i) => Math.abs(value - expected[i]) > 1);
    expect(wrong.length).toBeLessThan(data.length / 1000);
  });

  it('takes ranges that were saved, also for one text and for streams', async () => {
    const sample = await bert.encode(texts);
    const saved = JSON.stringify(calibrationRanges(sample));
    const options = { precision: 'int8' as const, ranges: JSON.parse(saved) };
    const expected = quantize(sample, 'int8', { ranges: calibrationRanges(sample) });
    expect((await bert.encode(texts, options)).data).toEqual(expected.data);
    expect((await bert.encode(texts[7], options)).row(0)).toEqual(expected.row(7));
    let row = 0;
    for await (const part of bert.encodeStream(texts, { ...options, window: 50 })) {
      for (const codes of part) expect(codes).toEqual(expected.row(row++));
    }
    expect(row).toBe(texts.length);
  });

  it('quantises after cutting and normalising', async () => {
    const options = { truncateDim: 9, normalize: true };
    const codes = await bert.encode(texts, { ...options, precision: 'ubinary' });
    expect([codes.dims, codes.data.length]).toEqual([9, 2 * texts.length]);
    expect(codes).toEqual(quantize(await bert.encode(texts, options), 'ubinary'));
  });

  it('gives the same codes for many rows, slice by slice', async () => {
    const many = Array.from({ length: 20_000 }, (_, i) => texts[i % texts.length]);
    const codes = await bert.encode(many, { precision: 'uint8' });
    const few = quantize(await bert.encode(texts), 'uint8');
    expect(codes.row(19_999)).toEqual(few.row(19_999 % texts.length));
    expect(codes.row(0)).toEqual(few.row(0));
  });

  it.each<[string, object, string, RegExp]>([
    ['an unknown precision', { precision: 'int4' }, 'ERR_INVALID_ARG', /'float32', 'int8'.*precision/],
    ['one text without ranges', { precision: 'int8' }, 'ERR_INVALID_ARG', /ranges, or two texts/],
    [
      'ranges of another width',
      { precision: 'int8', ranges: { min: [0], max: [1] } },
      'ERR_DIMENSION',
      /32 values/,
    ],
    [
      'ranges for bits',
      { precision: 'binary', ranges: { min: [], max: [] } },
      'ERR_INVALID_ARG',
      /no ranges/,
    ],
    ['ranges for floats', { ranges: { min: [], max: [] } }, 'ERR_INVALID_ARG', /no ranges/],
    ['quantised tokens', { precision: 'int8', output: 'token' }, 'ERR_INVALID_ARG', /'float32' with output/],
  ])('refuses %s', async (_, options, code, message) => {
    const error = { code, message: expect.stringMatching(message) as string };
    await expect(bert.encode('a', options)).rejects.toMatchObject(error);
  });

  it('refuses a stream whose parts would take ranges of their own', () => {
    expect(() => bert.encodeStream(texts, { precision: 'uint8' })).toThrow(/ranges for precision 'uint8'/);
  });
});

describe("output: 'token'", () => {
  it('gives the vectors of sentence-transformers, one matrix per text', async () => {
    const { token_embeddings: goldens } = readGolden<{
      token_embeddings: { text_index: number; file: string }[];
    }>('minilm/embeddings.json');
    const all = await minilm.encode(texts, { output: 'token' });
    const tokens = await minilm.tokenize(texts);
    expect(all.map(({ rows }) => rows)).toEqual(tokens.map(({ ids }) => ids.length));
    for (const { text_index: text, file } of goldens)
      expectRows(all[text], readMatrix(`minilm/${file}`, 384), {
        cosine: 0.9999,
        absolute: 5e-3,
      });
  });

  it('leaves padding out on either side, and pools to the sentence', async () => {
    const { texts: own } = readGolden<{ texts: string[] }>('tiny/tiny-decoder.json');
    const all = await decoder.encode(own, { output: 'token' });
    const last: Embeddings = await decoder.encode(own);
    all.forEach((rows, i) => {
      const token = rows.row(rows.rows - 1);
      const length = Math.hypot(...token);
      token.forEach((value, d) => void expect(value / length).toBeCloseTo(last.row(i)[d], 5));
    });
  });

  it('cuts and normalises each token if asked to', async () => {
    const [plain] = await bert.encode(['hello world'], { output: 'token' });
    const [short] = await bert.encode(['hello world'], { output: 'token', truncateDim: 8, normalize: true });
    expect([short.rows, short.dims]).toEqual([plain.rows, 8]);
    [...short].forEach((row, i) => {
      const cut = plain.row(i).slice(0, 8);
      row.forEach((value, d) => void expect(value).toBeCloseTo(cut[d] / Math.hypot(...cut), 6));
    });
  });

  it('of no texts is no matrices, of many they are in order', async () => {
    expect(await bert.encode([], { output: 'token' })).toEqual([]);
    const many = Array.from({ length: 3000 }, (_, i) => texts[i % 150]);
    const parts = await bert.encode(many, { output: 'token' });
    expect(parts[2999]).toEqual(parts[2999 % 150]);
  });
});

describe('truncation of a call', () => {
  const long = 'one two three four five six seven eight nine ten eleven twelve';

  it('at maxTokens is that of a model with this limit', async () => {
    const golden = readMatrix('minilm/embeddings_seq32.f32.bin', 384);
    expectRows(await minilm.encode(texts, { maxTokens: 32 }), golden, HALF);
  });

  it.each([
    ['bert', 6],
    ['decoder', 12],
  ] as const)(
    'on the left keeps the end of the text and the special tokens (%s)',
    async (name, maxTokens) => {
      const model = name === 'bert' ? bert : decoder;
      const [all, [kept]] = [
        (await model.tokenize(long))[0].ids,
        await model.encode([long], { output: 'token', maxTokens, truncationSide: 'left' }),
      ];
      expect(kept.rows).toBe(maxTokens);
      expect(all.length).toBeGreaterThan(maxTokens);
      const special = name === 'bert' ? 2 : 1;
      const words = long.split(' ');
      // Words from the end until there are as many tokens: what is left of the text, by itself.
      let tail = '';
      for (let i = words.length - 1; i >= 0; i--) {
        const longer = words.slice(i).join(' ');
        const tokens = await model.countTokens(name === 'bert' ? longer : ` ${longer}`);
        if (tokens > maxTokens) break;
        tail = name === 'bert' ? longer : ` ${longer}`;
      }
      const [expected] = await model.encode([tail], { output: 'token' });
      const [exact] = await model.encode([long], {
        output: 'token',
        maxTokens: expected.rows,
        truncationSide: 'left',
      });
      expect(expected.rows).toBeGreaterThan(special);
      expectRows(exact, expected, { cosine: 0.99999, absolute: 1e-5 });
    },
  );

  it('on the left finds the end of a text far beyond the limit', async () => {
    const tail = 'hello world how are you';
    const { ids } = (await bert.tokenize(tail))[0];
    const whole = `${'word '.repeat(30_000)}${tail}`;
    const e = await bert.encode(whole, { truncationSide: 'left', maxTokens: ids.length });
    expectRows(e, await bert.encode(tail), { cosine: 0.99999, absolute: 1e-5 });
  });

  it.each([{ maxTokens: 2 }, { maxTokens: 129 }, { maxTokens: 1.5 }, { truncationSide: 'middle' }])(
    'refuses %j',
    async (options) => {
      await expect(bert.encode('a', options as object)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
    },
  );
});

describe('decode', () => {
  const { texts: strings } = readGolden<{ texts: string[] }>('tokenizers/texts.json');
  const { variant } = modelFolders();

  it.each(['tiny-decoder', 'tiny-modernbert', 'tiny-xlmr', 'tiny-mpnet', 'tiny-unigram'])(
    'and tokenize, countTokens: ids, offsets and texts of Hugging Face tokenizers (%s)',
    async (name) => {
      const golden = readGolden<{
        input_ids: number[][];
        offsets_utf16: number[][][];
        decoded_skip_special_tokens: string[];
      }>(`tokenizers/${name}.json`);
      const tokenizer = await readFile(fixture(`models/${name}/tokenizer.json`));
      // tiny-unigram is a tokenizer only.
      const id =
        name === 'tiny-unigram'
          ? await variant('tiny-xlmr', { 'tokenizer.json': tokenizer })
          : fixture(`models/${name}`);
      await using model = await TextEmbedder.load(id);
      expect(await model.decode(golden.input_ids)).toEqual(golden.decoded_skip_special_tokens);
      const actual = await model.tokenize(strings);
      let compared = 0;
      actual.forEach(({ ids, offsets }, i) => {
        if (golden.input_ids[i].length > model.maxTokens) return;
        compared++;
        expect(ids, JSON.stringify(strings[i])).toEqual(golden.input_ids[i]);
        expect(offsets, JSON.stringify(strings[i])).toEqual(golden.offsets_utf16[i]);
      });
      expect(compared).toBeGreaterThan(200);
      const counts = await Promise.all(strings.map((text) => model.countTokens(text)));
      expect(counts).toEqual(golden.input_ids.map((ids) => ids.length));
    },
  );

  it('does not depend on the order of the keys in tokenizer.json', async () => {
    const { model, ...rest } = JSON.parse(
      await readFile(fixture('models/tiny-decoder/tokenizer.json'), 'utf8'),
    ) as { model: object };
    const id = await variant('tiny-decoder', { 'tokenizer.json': { model, ...rest } });
    await using reordered = await TextEmbedder.load(id);
    expect(await reordered.tokenize(strings)).toEqual(await decoder.tokenize(strings));
  });

  it('keeps special tokens if asked to, and takes one list', async () => {
    const [{ ids }] = await bert.tokenize('hello world');
    expect(await bert.decode(ids)).toBe('hello world');
    expect(await bert.decode(ids, { skipSpecialTokens: false })).toBe('[CLS] hello world [SEP]');
    expect(await bert.decode([])).toBe('');
    expect(await bert.decode([[], ids])).toEqual(['', 'hello world']);
  });

  it('refuses ids that the vocabulary does not have, and says how large that is', async () => {
    const [{ ids }] = await bert.tokenize('hello world');
    await expect(bert.decode([ids, [...ids, 100_257]])).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG',
      message: expect.stringMatching(/vocabulary of \d+ tokens but received 100257$/),
    });
  });

  it.each([['text'], [[1.5]], [[-1]], [[[1], 2]], [[2 ** 32]], [['1']]])('refuses %j', async (ids) => {
    await expect(bert.decode(ids as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
  });
});
