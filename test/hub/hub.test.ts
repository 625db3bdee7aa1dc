import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundledModels, chooseOnnxFile, type Dtype, resolveModel } from '#dist/hub/index.js';
import { simd } from '#dist/vectors/index.js';

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

  it.each<[Dtype, string[], string]>([
    ['fp32', ['model_O3', 'model_O2'], 'model_O2'],
    ['fp32', ['model_optimized', 'model_O1'], 'model_optimized'],
    ['fp16', ['model_O4', 'model_fp16'], 'model_fp16'],
    ['uint8', ['model_uint8', 'model_int8'], 'model_uint8'],
    ['q4', ['model_q4', 'model_q4f16'], 'model_q4'],
    ['q4f16', ['model_q4', 'model_q4f16'], 'model_q4f16'],
    ['bnb4', ['model_bnb4', 'model'], 'model_bnb4'],
    ['auto', ['model_q4', 'model_bnb4'], 'model_q4'],
  ])('knows the names of %s: of %j, %s', async (dtype, names, chosen) => {
    const path = await model(...names.map((name) => `onnx/${name}.onnx`));
    expect(await chooseOnnxFile(path, dtype)).toBe(join(path, `onnx/${chosen}.onnx`));
  });

  it('takes a file made for one kind of CPU on that kind only', async () => {
    const levels = simd().available;
    const path = await model(
      ...['qint8_avx512_vnni', 'qint8_avx512', 'qint8_arm64', 'quantized'].map(
        (name) => `onnx/model_${name}.onnx`,
      ),
    );
    const expected = levels.includes('avx512_vnni')
      ? 'qint8_avx512_vnni'
      : levels.includes('avx512')
        ? 'qint8_avx512'
        : levels.includes('neon')
          ? 'qint8_arm64'
          : 'quantized';
    expect(await chooseOnnxFile(path, 'int8')).toBe(join(path, `onnx/model_${expected}.onnx`));
    const other = levels.includes('neon') ? 'onnx/model_quint8_avx2.onnx' : 'onnx/model_qint8_arm64.onnx';
    const only = await model(other);
    await expect(chooseOnnxFile(only, 'auto')).rejects.toMatchObject({
      message: expect.stringContaining(`found only ${other}`) as string,
    });
    expect(await chooseOnnxFile(only, 'auto', { modelFile: other })).toBe(join(only, other));
  });

  it('takes a named file, wherever graphs are', async () => {
    const path = await model('onnx/model.onnx', 'onnx/mine.onnx', 'other.onnx');
    expect(await chooseOnnxFile(path, 'auto', { modelFile: 'mine.onnx' })).toBe(join(path, 'onnx/mine.onnx'));
    expect(await chooseOnnxFile(path, 'auto', { modelFile: 'onnx/mine.onnx' })).toBe(
      join(path, 'onnx/mine.onnx'),
    );
    expect(await chooseOnnxFile(path, 'auto', { modelFile: './other.onnx' })).toBe(join(path, 'other.onnx'));
    await expect(chooseOnnxFile(path, 'auto', { modelFile: 'none.onnx' })).rejects.toMatchObject({
      code: 'ERR_MODEL_NOT_FOUND',
      message: expect.stringMatching(
        /none\.onnx.*only onnx\/mine\.onnx, onnx\/model\.onnx, other\.onnx/,
      ) as string,
    });
  });

  it.each([
    '../model.onnx',
    '/etc/model.onnx',
    'onnx/../../model.onnx',
    'C:\\model.onnx',
    'a\0.onnx',
    'onnx',
    '..',
  ])('refuses the file %j', async (modelFile) => {
    const path = await model('onnx/model.onnx');
    await expect(chooseOnnxFile(path, 'auto', { modelFile })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG',
    });
  });

  it('says what to do without any', async () => {
    const path = await model('model.safetensors');
    await expect(chooseOnnxFile(path, 'auto')).rejects.toMatchObject({
      message: expect.stringMatching(/it has model\.safetensors.*optimum-cli export onnx/) as string,
    });
  });
});

it('lists the bundled models with the sizes of their variants', async () => {
  const [model] = await bundledModels();
  expect(model.name).toBe('all-MiniLM-L6-v2');
  expect(model.files.map(({ dtype }) => dtype)).toEqual(['fp16', 'int8']);
  for (const { bytes } of model.files) expect(bytes).toBeGreaterThan(1e6);
});
