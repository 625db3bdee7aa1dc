import { execFileSync } from 'node:child_process';
import { readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TextEmbedder } from '#dist/text/index.js';
import { fixture } from './goldens.js';
import { modelFolders } from './model-folders.js';

const { variant } = modelFolders();

async function refusal(folder: string): Promise<unknown> {
  return TextEmbedder.load(folder).catch((reason: unknown) => reason);
}

/** A tokenizer of a tiny model with some of its parts changed. */
async function tokenizerWith(changes: object): Promise<object> {
  const json = JSON.parse(await readFile(fixture('models/tiny-bert-cls/tokenizer.json'), 'utf8')) as object;
  return { ...json, ...changes };
}

describe('a tokenizer with parts that nobody knows', () => {
  it.each<[string, object]>([
    ['model', { model: { type: 'CharacterSoup', vocab: {} } }],
    ['normalizer', { normalizer: { type: 'Alchemy' } }],
    ['pre-tokenizer', { pre_tokenizer: { type: 'Astrology' } }],
    ['post-processor', { post_processor: { type: 'Phrenology' } }],
    ['decoder', { decoder: { type: 'Divination' } }],
  ])('(its %s) is ERR_MODEL_INVALID and names the file', async (_, changes) => {
    const error = await refusal(
      await variant('tiny-bert-cls', { 'tokenizer.json': await tokenizerWith(changes) }),
    );
    expect(error).toMatchObject({
      code: 'ERR_MODEL_INVALID',
      message: expect.stringMatching(/valid tokenizer in .*tokenizer\.json/) as string,
    });
    expect((error as Error).cause).toBeInstanceOf(Error);
  });
});

describe('weights of a module', () => {
  it.each([0, 7, 100, 2000])('cut after %i bytes are ERR_MODEL_INVALID and name the file', async (length) => {
    const folder = await variant('tiny-bert-dense');
    await truncate(join(folder, '2_Dense/model.safetensors'), length);
    expect(await refusal(folder)).toMatchObject({
      code: 'ERR_MODEL_INVALID',
      message: expect.stringContaining('model.safetensors') as string,
    });
  });

  it('of other names or shapes say what was expected and what there is', async () => {
    const folder = await variant('tiny-bert-dense');
    const path = '2_Dense/model.safetensors';
    const bytes = await readFile(join(folder, path));
    const renamed = Buffer.from(bytes.toString('latin1').replace('linear.weight', 'linear.wright'), 'latin1');
    expect(await refusal(await variant('tiny-bert-dense', { [path]: renamed }))).toMatchObject({
      code: 'ERR_MODEL_INVALID',
      message: expect.stringMatching(/linear\.weight.*linear\.wright/) as string,
    });
    const config = JSON.parse(await readFile(join(folder, '2_Dense/config.json'), 'utf8')) as object;
    const wider = { '2_Dense/config.json': { ...config, out_features: 17 } };
    expect(await refusal(await variant('tiny-bert-dense', wider))).toMatchObject({
      code: 'ERR_MODEL_INVALID',
      message: expect.stringMatching(/\[17, 32\].*\[16, 32\]/) as string,
    });
  });
});

describe('a configuration that is', () => {
  const kinds: [string, Buffer, string][] = [
    ['larger than any model’s', Buffer.alloc(33 * 2 ** 20, ' '), 'bytes'],
    ['millions of brackets', Buffer.alloc(8 * 2 ** 20, '['), 'JSON'],
    ['millions of values', Buffer.from(`{"a":[${'{},'.repeat(2.5 * 2 ** 20)}0]}`), 'JSON'],
    ['cut short', Buffer.from('{"model_type": "be'), 'JSON'],
  ];
  it.each(kinds)('%s is refused at once', async (_, bytes, word) => {
    const folder = await variant('tiny-bert-cls', { 'config.json': bytes });
    const started = performance.now();
    expect(await refusal(folder)).toMatchObject({
      code: 'ERR_MODEL_INVALID',
      message: expect.stringMatching(new RegExp(`${word}.*config\\.json|config\\.json.*${word}`)) as string,
    });
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it.skipIf(process.platform === 'win32')('a pipe that nobody writes to is ERR_IO', async () => {
    const folder = await variant('tiny-bert-cls', { 'config.json': undefined });
    execFileSync('mkfifo', [join(folder, 'config.json')]);
    expect(await refusal(folder)).toMatchObject({
      code: 'ERR_IO',
      message: expect.stringContaining('config.json') as string,
    });
  });
});

describe('a configuration that contradicts the graph', () => {
  it('in what a Dense takes is refused with both numbers', async () => {
    const config = { in_features: 48, out_features: 16, bias: true, activation_function: 'torch.nn.Tanh' };
    expect(await refusal(await variant('tiny-bert-dense', { '2_Dense/config.json': config }))).toMatchObject({
      code: 'ERR_MODEL_INVALID',
      message: expect.stringMatching(/48/) as string,
    });
  });
});

describe('a folder without ONNX file', () => {
  it('says how to export one and what there is', async () => {
    const folder = await variant('tiny-bert-cls', { 'onnx/model.onnx': undefined });
    expect(await refusal(folder)).toMatchObject({
      code: 'ERR_MODEL_NOT_FOUND',
      message: expect.stringMatching(/no \.onnx file.*optimum-cli export onnx/) as string,
    });
  });
});
