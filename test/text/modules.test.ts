import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TextEmbedder } from '#dist/text/index.js';
import { ACTIVATION_FUNCTIONS } from '#dist/text/lane/modules/activations.js';
import { expectRows, fixture, readGolden, readMatrix } from './goldens.js';
import { modelFolders } from './model-folders.js';

type Call = 'encode' | 'encode_query' | 'encode_document';
type Expected = Partial<Record<Call, number[][]>> & { texts: string[]; transformers: Record<string, string> };

const EXACT = { cosine: 0.99999, absolute: 1e-5 };
const METHODS = { encode: 'encode', encode_query: 'encodeQuery', encode_document: 'encodeDocument' } as const;

async function readExpected(name: string): Promise<Expected> {
  return JSON.parse(await readFile(fixture(`modules/${name}/expected.json`), 'utf8')) as Expected;
}

function matrix(rows: number[][]) {
  return { data: Float32Array.from(rows.flat()), rows: rows.length, dims: rows[0].length };
}

describe('modules after the Transformer', () => {
  const { withModules, variant, change } = modelFolders();

  it.each([
    'dense-residual-layernorm',
    'dense-of-tokens',
    'router-after-pooling',
    'router-of-transformers',
    'router-with-mappings',
  ])('%s: the vectors of sentence-transformers', async (name) => {
    const expected = await readExpected(name);
    await using model = await TextEmbedder.load(await withModules(name, expected.transformers));
    for (const call of Object.keys(METHODS) as Call[]) {
      const rows = expected[call];
      if (rows) expectRows(await model[METHODS[call]](expected.texts), matrix(rows), EXACT);
    }
  });

  it('say which call to use where a Router has no way for one', async () => {
    const name = 'router-with-mappings';
    const { transformers } = await readExpected(name);
    await using model = await TextEmbedder.load(await withModules(name, transformers));
    await expect(model.encode('a')).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG',
      message: expect.stringMatching(/route for encode .*encodeQuery/) as string,
    });
    expect((await model.tokenize('hello world'))[0].ids).toEqual(
      (await model.tokenize('Hello World'))[0].ids,
    );
  });

  it('read the older name and file of a Router', async () => {
    const name = 'router-after-pooling';
    const expected = await readExpected(name);
    const folder = await withModules(name, expected.transformers);
    const router = await readFile(join(folder, '2_Router/router_config.json'), 'utf8');
    const modules = await readFile(join(folder, 'modules.json'), 'utf8');
    await change(folder, { '2_Router/router_config.json': undefined });
    await writeFile(join(folder, '2_Router/config.json'), router);
    await writeFile(
      join(folder, 'modules.json'),
      modules.replace(
        'sentence_transformers.base.modules.router.Router',
        'sentence_transformers.models.Asym',
      ),
    );
    await using model = await TextEmbedder.load(folder);
    expectRows(await model.encodeQuery(expected.texts), matrix(expected.encode_query ?? []), EXACT);
  });

  it('are read from the file that PyTorch wrote where there is no other', async () => {
    await using current = await TextEmbedder.load(fixture('models/tiny-bert-dense'));
    const texts = ['', 'hello world', 'the quick brown fox'];
    const folder = await variant('tiny-bert-dense', {
      '2_Dense/model.safetensors': undefined,
      '2_Dense/pytorch_model.bin': await readFile(fixture('modules/tiny-bert-dense.bin')),
    });
    await using model = await TextEmbedder.load(folder);
    expectRows(await model.encode(texts), await current.encode(texts), EXACT);
  });

  it.each(Object.keys(ACTIVATION_FUNCTIONS))('%s is that of PyTorch', async (name) => {
    const goldens = JSON.parse(await readFile(fixture('modules/activations.json'), 'utf8')) as Record<
      string,
      number[]
    >;
    const activate = ACTIVATION_FUNCTIONS[name as keyof typeof ACTIVATION_FUNCTIONS];
    goldens.x.forEach((x, i) => {
      const y = goldens[name][i];
      expect(Math.abs(activate(x) - y), `${name}(${x})`).toBeLessThanOrEqual(
        2e-7 * Math.max(Math.abs(y), 1e-7),
      );
    });
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    [
      'weights that are missing',
      { '2_Dense/model.safetensors': undefined },
      /weights at .*model\.safetensors/,
    ],
    ['weights cut short', { '2_Dense/model.safetensors': Buffer.alloc(7) }, /header/],
    [
      'another width',
      { '2_Dense/config.json': { in_features: 8, out_features: 16 } },
      /shape \[16, 8\].*\[16, 32\]/,
    ],
    ['no width', { '2_Dense/config.json': { out_features: 16 } }, /'in_features' of 2_Dense\/config\.json/],
    [
      'an activation of the user',
      { '2_Dense/config.json': { in_features: 32, out_features: 16, activation_function: 'my.Swish' } },
      /'activation_function'.*my\.Swish/,
    ],
    [
      'another input',
      { '2_Dense/config.json': { in_features: 32, out_features: 16, module_input_name: 'logits' } },
      /'module_input_name'.*logits/,
    ],
    [
      'Dense before the Pooling',
      {
        'modules.json': ['Transformer', 'Dense', 'Pooling'].map((type, i) => ({
          type,
          path: ['', '2_Dense', '1_Pooling'][i],
        })),
      },
      /Pooling before what needs it/,
    ],
    [
      'two Poolings',
      {
        'modules.json': ['Transformer', 'Pooling', 'Pooling'].map((type, i) => ({
          type,
          path: i ? '1_Pooling' : '',
        })),
      },
      /once/,
    ],
    [
      'a sparse model',
      {
        'modules.json': [
          { type: 'a.MLMTransformer', path: '' },
          { type: 'a.SpladePooling', path: '1_Pooling' },
        ],
      },
      /SparseEmbedder/,
    ],
    [
      'modules of another kind',
      {
        'modules.json': [
          { type: 'a.Transformer', path: '' },
          { type: 'a.LSTM', path: '1_LSTM' },
        ],
      },
      /'LSTM'.*Transformer, Pooling, Dense/,
    ],
    [
      'a Router without configuration',
      {
        'modules.json': [
          { type: 'Transformer', path: '' },
          { type: 'Router', path: '1_Pooling' },
        ],
      },
      /structure/,
    ],
    [
      'a Router outside the folder',
      {
        'modules.json': [
          { type: 'Transformer', path: '' },
          { type: 'Router', path: '1_Router' },
        ],
        '1_Router/router_config.json': { types: { '../x': 'Dense' }, structure: { query: ['../x'] } },
      },
      /folders inside the model's folder/,
    ],
  ])('are refused with %s', async (_, files, message) => {
    await expect(TextEmbedder.load(await variant('tiny-bert-dense', files))).rejects.toMatchObject({
      code: 'ERR_MODEL_INVALID',
      message: expect.stringMatching(message) as string,
    });
  });
});

describe('settings of the Transformer', () => {
  const TEXT = { method: 'forward', method_output_name: 'last_hidden_state' };
  const { variant } = modelFolders();
  const long = 'the quick brown fox jumps over the lazy dog '.repeat(20);
  const ids = async (id: string) => {
    await using model = await TextEmbedder.load(id);
    return { ids: (await model.tokenize(long))[0].ids, maxTokens: model.maxTokens };
  };

  it.each([
    ['tokenizer_args', { max_seq_length: 32, tokenizer_args: { model_max_length: 10 } }, 10, 'right'],
    ['processor_kwargs', { processor_kwargs: { model_max_length: 9, truncation_side: 'left' } }, 9, 'left'],
    [
      'processing_kwargs',
      { max_seq_length: 32, query_length: 8, processing_kwargs: { text: { max_length: 7 } } },
      7,
      'right',
    ],
  ] as const)('%s limit texts', async (_, settings, maxTokens, truncationSide) => {
    const id = await variant('tiny-bert-cls', { 'sentence_bert_config.json': settings });
    const found = await ids(id);
    expect(found.maxTokens).toBe(maxTokens);
    await using plain = await TextEmbedder.load(fixture('models/tiny-bert-cls'));
    await using model = await TextEmbedder.load(id);
    const options = { prompt: '', maxTokens, truncationSide };
    expectRows(await model.encode([long], { prompt: '' }), await plain.encode([long], options), EXACT);
    expect(found.ids).toHaveLength(maxTokens);
  });

  it('are refused where they leave out special tokens', async () => {
    const settings = { processing_kwargs: { text: { add_special_tokens: false } } };
    const id = await variant('tiny-bert-cls', { 'sentence_bert_config.json': settings });
    await expect(TextEmbedder.load(id)).rejects.toMatchObject({
      code: 'ERR_MODEL_INVALID',
      message: expect.stringMatching(/'add_special_tokens' of .*processing_kwargs/) as string,
    });
  });

  it.each([
    [
      'a chat template',
      { text: TEXT, message: { ...TEXT, format: 'flat' } },
      /'message' of .*modality_config/,
    ],
    [
      'another layer',
      { text: { ...TEXT, method_output_name: ['hidden_states', 2] } },
      /'method_output_name'/,
    ],
    ['no text', { image: TEXT }, /what is done with texts for 'text'/],
  ])('are refused where they ask for %s', async (_, modalities, message) => {
    const settings = { modality_config: modalities, module_output_name: 'token_embeddings' };
    const id = await variant('tiny-decoder', { 'sentence_bert_config.json': settings });
    await expect(TextEmbedder.load(id)).rejects.toMatchObject({
      code: 'ERR_MODEL_INVALID',
      message: expect.stringMatching(message) as string,
    });
    // Who says how to pool wants the graph's own vectors.
    await using model = await TextEmbedder.load(id, { pooling: 'mean' });
    expect(model.dimensions).toBeGreaterThan(0);
  });

  it('query_length and document_length limit the texts of their calls only', async () => {
    const files = { 'sentence_bert_config.json': { query_length: 8, document_length: 12 } };
    await using model = await TextEmbedder.load(await variant('tiny-bert-cls', files));
    const usage = async (call: 'encode' | 'encodeQuery' | 'encodeDocument', maxTokens?: number) => {
      let tokens = 0;
      const onUsage = (used: { tokens: number }) => {
        tokens = used.tokens;
      };
      await model[call]([long], { maxTokens, onUsage });
      return tokens;
    };
    expect(await usage('encode')).toBe(model.maxTokens);
    expect(await usage('encodeQuery')).toBe(8);
    expect(await usage('encodeDocument')).toBe(12);
    expect(await usage('encodeDocument', 20)).toBe(20);
    const chunks = await model.encodeDocument([long], { chunking: { pool: 'none' } });
    expect(chunks[0].chunks.length).toBeGreaterThan(10);
    for (const { tokens } of chunks[0].chunks) expect(tokens).toBeLessThanOrEqual(12);
  });
});

describe('pooling of the caller', () => {
  it('cls is the raw vector of the first token, nothing else applied', async () => {
    // CLS and Normalize: the golden is the raw vector, normalised.
    const golden = readMatrix('tiny/tiny-xlmr_embeddings.f32.bin', 32);
    const { texts } = readGolden<{ texts: string[] }>('tiny/tiny-xlmr.json');
    await using model = await TextEmbedder.load(fixture('models/tiny-xlmr'), { pooling: 'cls' });
    const raw = await model.encode(texts);
    expect(Math.hypot(...raw.row(0))).not.toBeCloseTo(1, 2);
    expectRows(await model.encode(texts, { normalize: true }), golden, EXACT);
    const tokens = await model.encode(texts, { output: 'token' });
    tokens.forEach((rows, i) => void expect([...rows.row(0)]).toEqual([...raw.row(i)]));
  });

  it('replaces a Dense module too', async () => {
    await using model = await TextEmbedder.load(fixture('models/tiny-bert-dense'), {
      pooling: ['cls', 'mean'],
    });
    expect(model.dimensions).toBe(64);
  });
});
