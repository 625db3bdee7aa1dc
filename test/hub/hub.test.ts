import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundledModels, chooseOnnxFile, resolveModel } from '#dist/hub/index.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'embedlane-hub-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('resolveModel', () => {
  it.each(['all-MiniLM-L6-v2', 'sentence-transformers/all-MiniLM-L6-v2'])(
    'finds the bundled %s',
    async (id) => {
      const model = await resolveModel(id);
      expect(model).toEqual({ id: 'all-MiniLM-L6-v2', folder: resolve('models/all-MiniLM-L6-v2') });
    },
  );

  it('finds folders by absolute and by relative path', async () => {
    expect(await resolveModel(folder)).toEqual({ id: folder, folder });
    expect(await resolveModel('./models')).toEqual({ id: './models', folder: resolve('models') });
    expect((await resolveModel('.')).folder).toBe(resolve('.'));
  });

  it.each(['some-model', 'org/name', 'org/name@main', './nowhere', '../nowhere', '/no/where'])(
    'says that there is no %s',
    async (id) => {
      await expect(resolveModel(id)).rejects.toMatchObject({ code: 'ERR_MODEL_NOT_FOUND' });
    },
  );

  it.each([
    [
      'all-mpnet-base-v2',
      /all-MiniLM-L6-v2.*'sentence-transformers\/all-mpnet-base-v2'.*'\.\/all-mpnet-base-v2'/,
    ],
    ['org/name@v1', /org\/name@v1.*network is not to be used.*embedlane pull org\/name@v1/],
  ])('says what to do about %s', async (id, message) => {
    await expect(resolveModel(id)).rejects.toMatchObject({
      message: expect.stringMatching(message) as string,
    });
  });

  it('refuses a file where a folder should be', async () => {
    await expect(resolveModel('./package.json')).rejects.toMatchObject({ code: 'ERR_MODEL_NOT_FOUND' });
  });

  it.each([
    '',
    'a\0b',
    'org/../secret',
    'org/..',
    '..name/../x',
    'a/b/c',
    'a b',
    'https://host/model',
    'org/name@../x',
    7,
    null,
    undefined,
    {},
  ])('refuses %j', async (id) => {
    await expect(resolveModel(id)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
  });
});

describe('chooseOnnxFile', () => {
  async function model(...files: string[]): Promise<string> {
    const path = await mkdtemp(join(folder, 'model-'));
    await mkdir(join(path, 'onnx'));
    for (const file of files) await writeFile(join(path, file), '');
    return path;
  }

  it.each([
    [['onnx/model.onnx', 'onnx/model_fp16.onnx', 'onnx/model_quantized.onnx'], 'onnx/model.onnx'],
    [['onnx/model_fp16.onnx', 'onnx/model_quantized.onnx'], 'onnx/model_fp16.onnx'],
    [['onnx/model_int8.onnx'], 'onnx/model_int8.onnx'],
    [['model.onnx'], 'model.onnx'],
  ])('takes the most exact of %j for auto', async (files, chosen) => {
    const path = await model(...files);
    expect(await chooseOnnxFile(path, 'auto')).toBe(join(path, chosen));
  });

  it('follows the dtype', async () => {
    const path = await model(
      'onnx/model.onnx',
      'onnx/model_fp16.onnx',
      'onnx/model_quantized.onnx',
      'onnx/model_int8.onnx',
    );
    expect(await chooseOnnxFile(path, 'fp32')).toBe(join(path, 'onnx/model.onnx'));
    expect(await chooseOnnxFile(path, 'fp16')).toBe(join(path, 'onnx/model_fp16.onnx'));
    expect(await chooseOnnxFile(path, 'int8')).toBe(join(path, 'onnx/model_quantized.onnx'));
    expect(await chooseOnnxFile(path, 'q8')).toBe(join(path, 'onnx/model_quantized.onnx'));
  });

  it('names the variants that exist when the wanted one does not', async () => {
    const path = await model('onnx/model_fp16.onnx');
    const error = {
      code: 'ERR_MODEL_NOT_FOUND',
      message: expect.stringContaining('only onnx/model_fp16.onnx') as string,
    };
    await expect(chooseOnnxFile(path, 'int8')).rejects.toMatchObject(error);
    await expect(chooseOnnxFile(folder, 'auto')).rejects.toMatchObject({
      message: expect.stringContaining('no .onnx file') as string,
    });
  });
});

it('lists the bundled models with the sizes of their variants', async () => {
  const [model] = await bundledModels();
  expect(model.name).toBe('all-MiniLM-L6-v2');
  expect(model.files.map(({ dtype }) => dtype)).toEqual(['fp16', 'int8']);
  for (const { bytes } of model.files) expect(bytes).toBeGreaterThan(1e6);
});
