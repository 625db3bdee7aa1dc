import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TextEmbedder } from '#dist/text/index.js';
import { expectRows, fixture, readGolden, readMatrix } from './goldens.js';

interface TinyGolden {
  max_seq_length: number;
  texts: string[];
  input_ids: number[][];
  prompt_cases: {
    method?: string;
    prompt_name?: string;
    prompt?: string;
    texts: [number, number];
    file: string;
  }[];
  similarity_first6: number[][];
}

const EXACT = { cosine: 0.99999, absolute: 1e-5 };

const MODELS = [
  'tiny-bert-cls',
  'tiny-mpnet',
  'tiny-xlmr',
  'tiny-roberta',
  'tiny-distilbert',
  'tiny-decoder',
  'tiny-modernbert',
];

describe.each(MODELS)('%s against sentence-transformers', (name) => {
  const golden = readGolden<TinyGolden>(`tiny/${name}.json`);
  const embeddings = readMatrix(`tiny/${name}_embeddings.f32.bin`, 32);
  let model: TextEmbedder;
  beforeAll(async () => {
    model = await TextEmbedder.load(fixture(`models/${name}`));
  });
  afterAll(() => model?.close());

  it('reads its limits from its configuration', () => {
    expect([model.dimensions, model.maxTokens]).toEqual([32, golden.max_seq_length]);
  });

  it('gives the same ids and vectors', async () => {
    expect((await model.tokenize(golden.texts)).map(({ ids }) => ids)).toEqual(golden.input_ids);
    expectRows(await model.encode(golden.texts), embeddings, EXACT);
  });

  it.each(golden.prompt_cases.map((item) => [item.file, item] as const))('%s', async (file, item) => {
    const texts = golden.texts.slice(...item.texts);
    const expected = readMatrix(`tiny/${file}`, 32);
    const method = file.includes('encode_query') ? 'encodeQuery' : 'encodeDocument';
    if (file.includes('encode_')) {
      expectRows(await model[method](texts), expected, EXACT);
    } else {
      expectRows(await model.encode(texts, { promptName: item.prompt_name }), expected, EXACT);
      expectRows(await model.encode(texts, { prompt: item.prompt }), expected, EXACT);
      // An explicit prompt has precedence over a name.
      expectRows(await model.encode(texts, { prompt: item.prompt, promptName: 'query' }), expected, EXACT);
    }
  });

  it('gives the same similarities', async () => {
    const e = await model.encode(golden.texts.slice(0, 6));
    golden.similarity_first6.flat().forEach((score, i) => {
      expect(Math.abs(model.similarity(e, e).data[i] - score)).toBeLessThan(1e-5);
    });
  });
});

describe('configuration', () => {
  let folder: string;
  const texts = ['hello world', 'Hello, World! How are you today?', ''];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'embedlane-config-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** A copy of a tiny model with some of its JSON files changed; `undefined` removes a file. */
  async function variant(base: string, files: Record<string, unknown>): Promise<string> {
    const copy = await mkdtemp(join(folder, 'model-'));
    await cp(fixture(`models/${base}`), copy, { recursive: true });
    for (const [file, value] of Object.entries(files)) {
      if (value === undefined) await rm(join(copy, file));
      else await writeFile(join(copy, file), JSON.stringify(value));
    }
    return copy;
  }

  async function encode(id: string, options = {}): Promise<Float32Array> {
    await using model = await TextEmbedder.load(id, options);
    return (await model.encode(texts)).data;
  }

  it('pools by mean, and does nothing else, without modules.json', async () => {
    const plain = await variant('tiny-bert-cls', { 'modules.json': undefined });
    await using model = await TextEmbedder.load(plain);
    const e = await model.encode(texts);
    expect(Math.hypot(...e.row(0))).not.toBeCloseTo(1, 3);
    const normalized = await model.encode(texts, { normalize: true });
    const meanModel = await variant('tiny-bert-cls', { '1_Pooling/config.json': { pooling_mode: 'mean' } });
    expectRows(normalized, { data: await encode(meanModel), rows: 3, dims: 32 }, EXACT);
  });

  it('takes the last token of a causal model without modules.json, unless its configuration says otherwise', async () => {
    const golden = readGolden<TinyGolden>('tiny/tiny-decoder.json');
    const file = fixture('models/tiny-decoder/config.json');
    const config = {
      ...(JSON.parse(await readFile(file, 'utf8')) as object),
      architectures: ['Qwen3ForCausalLM'],
    };
    const plain = { 'modules.json': undefined, 'config.json': config };
    await using model = await TextEmbedder.load(await variant('tiny-decoder', plain));
    const rows = await model.encode(golden.texts, { normalize: true });
    expectRows(rows, readMatrix('tiny/tiny-decoder_embeddings.f32.bin', 32), EXACT);
    const twoWay = await variant('tiny-decoder', {
      ...plain,
      'config.json': { ...config, is_causal: false },
    });
    expect(await encode(twoWay)).toEqual(await encode(twoWay, { pooling: 'mean' }));
  });

  it('reads both generations of the pooling configuration alike', async () => {
    const modes = ['cls', 'max', 'mean', 'weightedmean', 'lasttoken'];
    const old = { pooling_mode_mean_sqrt_len_tokens: true };
    const before = Object.fromEntries(
      modes.map((mode) => [
        `pooling_mode_${mode}${mode === 'lasttoken' ? '' : mode === 'cls' ? '_token' : '_tokens'}`,
        true,
      ]),
    );
    const current = {
      pooling_mode: ['cls', 'max', 'mean', 'mean_sqrt_len_tokens', 'weightedmean', 'lasttoken'],
    };
    const a = await encode(
      await variant('tiny-bert-cls', { '1_Pooling/config.json': { ...before, ...old } }),
    );
    const b = await encode(await variant('tiny-bert-cls', { '1_Pooling/config.json': current }));
    expect(a).toHaveLength(3 * 6 * 32);
    expect(b).toEqual(a);
  });

  it('concatenates modes in the order in which they are listed', async () => {
    const raw = { 'modules.json': undefined };
    const id = await variant('tiny-bert-cls', raw);
    const [cls, mean, both] = [
      await encode(id, { pooling: 'cls' }),
      await encode(id, { pooling: 'mean' }),
      await encode(id, { pooling: ['mean', 'cls'] }),
    ];
    expect(both.subarray(0, 32)).toEqual(mean.subarray(0, 32));
    expect(both.subarray(32, 64)).toEqual(cls.subarray(0, 32));
  });

  it('leaves the prompt out of the pooling where the model says so', async () => {
    const withPooling = (mode: string, include: boolean) =>
      variant('tiny-bert-cls', { '1_Pooling/config.json': { pooling_mode: mode, include_prompt: include } });
    const prompt = { promptName: 'query' };
    await using last = await TextEmbedder.load(await withPooling('lasttoken', true));
    const lastToken = await last.encode('', prompt);
    // Of '' with a prompt, nothing but the special token at the end is left: whatever pools it gives its vector.
    for (const mode of ['cls', 'mean', 'max', 'lasttoken']) {
      await using model = await TextEmbedder.load(await withPooling(mode, false));
      expectRows(await model.encode('', prompt), lastToken, EXACT);
      const padded = await model.encode(['', 'longer than the other'], prompt);
      expectRows({ data: padded.row(0), rows: 1, dims: 32 }, lastToken, EXACT);
    }
  });

  it('uses the default prompt unless another is asked for', async () => {
    const settings = JSON.parse(
      await readFile(fixture('models/tiny-bert-cls/config_sentence_transformers.json'), 'utf8'),
    ) as object;
    const id = await variant('tiny-bert-cls', {
      'config_sentence_transformers.json': { ...settings, default_prompt_name: 'query' },
    });
    await using model = await TextEmbedder.load(id);
    const asked = await model.encode(texts, { promptName: 'query' });
    const none = await model.encode(texts, { prompt: '' });
    expect((await model.encode(texts)).data).toEqual(asked.data);
    expect(none.data).not.toEqual(asked.data);
    // The model has a prompt for documents, an empty one, and it is used in place of the default.
    expect((await model.encodeDocument(texts)).data).toEqual(none.data);
  });

  it('cuts at truncate_dim', async () => {
    const id = await variant('tiny-bert-cls', { 'config_sentence_transformers.json': { truncate_dim: 8 } });
    await using model = await TextEmbedder.load(id);
    expect((await model.encode(texts)).dims).toBe(8);
    expect((await model.encode(texts, { truncateDim: 20 })).dims).toBe(20);
  });

  it('lowercases where do_lower_case asks for it', async () => {
    const tokenizer = JSON.parse(await readFile(fixture('models/tiny-bert-cls/tokenizer.json'), 'utf8')) as {
      normalizer: { lowercase: boolean };
    };
    tokenizer.normalizer.lowercase = false;
    const id = await variant('tiny-bert-cls', { 'tokenizer.json': tokenizer });
    const lower = await variant('tiny-bert-cls', {
      'tokenizer.json': tokenizer,
      'sentence_bert_config.json': { max_seq_length: 64, do_lower_case: true },
    });
    await using cased = await TextEmbedder.load(id);
    await using lowered = await TextEmbedder.load(lower);
    const [a] = await cased.tokenize('hello world');
    const [b] = await cased.tokenize('HELLO World');
    expect(b.ids).not.toEqual(a.ids);
    expect(await lowered.tokenize('HELLO World')).toEqual([{ ...a }]);
  });

  it('takes the lower of model_max_length and max_position_embeddings', async () => {
    const id = await variant('tiny-bert-cls', { 'tokenizer_config.json': { model_max_length: 1e30 } });
    await using model = await TextEmbedder.load(id);
    expect(model.maxTokens).toBe(128);
    await expect(TextEmbedder.load(id, { maxTokens: 129 })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG',
    });
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    [
      'an unsupported module',
      {
        'modules.json': [
          { type: 'a.Transformer', path: '' },
          { type: 'a.WordEmbeddings', path: '2' },
        ],
      },
      /'WordEmbeddings'/,
    ],
    ['no modules', { 'modules.json': [] }, /Transformer as the first module in modules\.json but found none/],
    ['modules that are no list', { 'modules.json': { a: 1 } }, /a list of modules/],
    [
      'a module outside the folder',
      { 'modules.json': [{ type: 'Transformer', path: '../x' }] },
      /inside the model's folder/,
    ],
    [
      'a bad pooling mode',
      { '1_Pooling/config.json': { pooling_mode: 'median' } },
      /'pooling_mode' of 1_Pooling\/config\.json.*median/,
    ],
    [
      'a bad pooling flag',
      { '1_Pooling/config.json': { pooling_mode_cls_token: 'yes' } },
      /pooling_mode_cls_token/,
    ],
    ['a missing pooling file', { '1_Pooling/config.json': undefined }, /Expected 1_Pooling\/config\.json/],
    [
      "a pooling width that is not the graph's",
      { '1_Pooling/config.json': { embedding_dimension: 64 } },
      /64.*32/,
    ],
    ['a bad max_seq_length', { 'sentence_bert_config.json': { max_seq_length: -1 } }, /max_seq_length/],
    [
      'a bad prompt',
      { 'config_sentence_transformers.json': { prompts: { query: 1 } } },
      /prompts\) but received 1/,
    ],
    [
      'an unknown default prompt',
      { 'config_sentence_transformers.json': { default_prompt_name: 'x' } },
      /default_prompt_name/,
    ],
    [
      'an unknown similarity',
      { 'config_sentence_transformers.json': { similarity_fn_name: 'x' } },
      /similarity_fn_name/,
    ],
    ['a missing tokenizer', { 'tokenizer.json': undefined }, /tokenizer\.json/],
    ['a tokenizer that is none', { 'tokenizer.json': { model: 1 } }, /valid tokenizer/],
  ])('refuses %s', async (_, files, message) => {
    const id = await variant('tiny-bert-cls', files);
    const error: unknown = await TextEmbedder.load(id).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      name: 'EmbedlaneError',
      code: 'ERR_MODEL_INVALID',
      message: expect.stringMatching(message),
    });
  });

  it('refuses JSON that is cut short, naming the file and keeping the cause', async () => {
    for (const file of [
      'modules.json',
      'config.json',
      'tokenizer_config.json',
      'tokenizer.json',
      '1_Pooling/config.json',
    ]) {
      const id = await variant('tiny-bert-cls', {});
      await writeFile(join(id, file), (await readFile(join(id, file), 'utf8')).slice(0, -3));
      const error = await TextEmbedder.load(id).catch((reason: unknown) => reason as Error);
      expect(error).toMatchObject({ code: 'ERR_MODEL_INVALID', message: expect.stringContaining(file) });
      expect((error as Error).cause).toBeInstanceOf(Error);
    }
  });
});
