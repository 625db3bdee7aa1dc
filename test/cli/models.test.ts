import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { WordVectors } from '#dist/static/index.js';
import { FILES, startHub } from '../hub/support.js';
import { cli, jsonLines } from './support.js';

const hub = startHub();

function run(...args: string[]) {
  return cli(args, { env: { HF_ENDPOINT: hub.server.url, HF_HUB_CACHE: hub.cacheDir } });
}

const blobs = () => join(hub.cacheDir, 'models--org--model/blobs');

async function damage(): Promise<void> {
  const [name] = (await readdir(blobs())).filter((etag) => etag.length === 64);
  await writeFile(join(blobs(), name), 'damaged');
}

describe('embedlane pull', () => {
  it('downloads a model and says what it did', async () => {
    const { status, stdout, stderr } = await run('pull', 'org/model', '--json');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const [pulled] = jsonLines(stdout);
    expect(pulled).toMatchObject({ id: 'org/model', commit: hub.server.commit('org/model') });
    expect(pulled.files).toContain('onnx/model.onnx');
    expect(pulled.downloaded).toBeGreaterThan(700_000);
    expect((await run('pull', 'org/model')).stdout).toMatch(
      /^org\/model {2}commit [0-9a-f]{12} {2}9 files, up to date\n/,
    );
  });

  it('takes dtype and revision', async () => {
    const { stdout } = await run('pull', 'org/model', '--dtype', 'int8', '--revision', 'v1.0', '--json');
    const [pulled] = jsonLines<{ id: string; files: string[] }>(stdout);
    expect(pulled.id).toBe('org/model@v1.0');
    expect(pulled.files.filter((file) => file.endsWith('.onnx'))).toEqual(['onnx/model_quantized.onnx']);
  });

  it('follows a branch that has moved, and repairs what is damaged', async () => {
    await run('pull', 'org/model');
    const before = hub.server.commit('org/model');
    const { files } = hub.server.models.get('org/model') as { files: Record<string, Buffer> };
    hub.server.add('org/model', { ...files, 'config.json': '{"moved":true}' });
    expect(jsonLines((await run('pull', 'org/model', '--json')).stdout)[0].commit).not.toBe(before);
    await damage();
    expect((await run('models', 'verify')).status).toBe(1);
    expect((await run('pull', 'org/model', '--json')).status).toBe(0);
    expect((await run('models', 'verify')).status).toBe(0);
  });

  it('needs no network for what is bundled, and fails with the reason for what does not exist', async () => {
    expect((await run('pull', 'all-MiniLM-L6-v2')).stdout).toContain('needs no download');
    expect(hub.server.seen).toEqual([]);
    const { status, stdout, stderr } = await run('pull', 'org/none');
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^embedlane: .*org\/none.*\[ERR_MODEL_NOT_FOUND\]\n$/);
    expect((await run('pull', '../x', '--revision', '../y')).status).toBe(2);
  });
});

describe('embedlane pull of any kind of model', () => {
  const pulled = async (...args: string[]) => {
    const { status, stdout, stderr } = await run('pull', '--json', ...args);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return jsonLines<{ files: string[]; folder: string }>(stdout)[0];
  };

  it.each([
    ['fp32', 'onnx/model.onnx'],
    ['fp16', 'onnx/model_fp16.onnx'],
    ['int8', 'onnx/model_quantized.onnx'],
    ['q8', 'onnx/model_quantized.onnx'],
    ['uint8', 'onnx/model_uint8.onnx'],
    ['q4', 'onnx/model_q4.onnx'],
    ['q4f16', 'onnx/model_q4f16.onnx'],
    ['bnb4', 'onnx/model_bnb4.onnx'],
  ])('takes dtype %s', async (dtype, file) => {
    const variants = ['', '_fp16', '_quantized', '_uint8', '_q4', '_q4f16', '_bnb4'];
    const graphs = variants.map((variant) => [`onnx/model${variant}.onnx`, `weights ${variant}`]);
    hub.server.add('org/all', { ...FILES, ...Object.fromEntries(graphs) });
    const { files } = await pulled('org/all', '--dtype', dtype);
    expect(files.filter((name) => name.endsWith('.onnx'))).toEqual([file]);
  });

  it('takes the table of a static model, whatever graphs lie beside it', async () => {
    hub.server.addFolder('org/static', 'test/fixtures/models/tiny-static');
    const { files } = hub.server.models.get('org/static') as { files: Record<string, Buffer> };
    hub.server.add('org/static', { ...files, 'onnx/model.onnx': 'of another library' });
    const location = await pulled('org/static');
    expect(location.files).toContain('model.safetensors');
    expect(location.files.filter((name) => name.endsWith('.onnx'))).toEqual([]);
    const { stdout } = await run('embed', 'a cat', '--model', 'org/static');
    expect(jsonLines<{ embedding: number[] }>(stdout)[0].embedding).toHaveLength(32);
  });

  it('takes word vectors', async () => {
    const vectors = await readFile('test/fixtures/models/tiny-word2vec/vectors.bin');
    hub.server.add('org/words', {
      'README.md': '',
      'pytorch_model.bin': 'of another library',
      'GoogleNews-vectors-negative300.bin': vectors,
      'wiki.en.vec': '1 2\nthe 0.5 0.25\n',
    });
    const { files, folder } = await pulled('org/words');
    expect(files).toEqual(['GoogleNews-vectors-negative300.bin', 'wiki.en.vec']);
    expect((await WordVectors.load(join(folder, files[0]))).size).toBe(200);
  });

  it.each<[string, Record<string, string>]>([
    ['a transformer without graphs', { 'config.json': '{"model_type":"bert"}', 'model.safetensors': 'x' }],
    ['weights of PyTorch', { 'config.json': '{}', 'pytorch_model.bin': 'x' }],
    ['a README', { 'README.md': 'x' }],
  ])('says how to export %s, and lists its files', async (_, files) => {
    hub.server.add('org/else', files);
    const { status, stdout, stderr } = await run('pull', 'org/else');
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/optimum-cli export onnx.*\[ERR_MODEL_NOT_FOUND\]/);
    for (const file of Object.keys(files)) expect(stderr).toContain(file);
  });
});

describe('embedlane models', () => {
  it('lists what is in the cache, data sets and strangers’ folders left out', async () => {
    expect((await run('models')).stdout).toBe(`No models in ${hub.cacheDir}\n`);
    await run('pull', 'org/model', '--dtype', 'int8');
    await run('pull', 'org/model@v1.0', '--dtype', 'int8');
    await writeFile(join(blobs(), `${'a'.repeat(64)}.12345678.incomplete`), 'half of it');
    for (const folder of ['datasets--org--data', 'models--x--y--z', 'else']) {
      await writeFile(join(hub.cacheDir, folder), '');
    }
    const { status, stdout, stderr } = await run('models', 'list', '--json');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const { models } = JSON.parse(stdout) as { models: { bytes: number }[] };
    expect(models).toMatchObject([
      { name: 'org/model', incompleteBytes: 10, snapshots: [{ revisions: ['main', 'v1.0'] }] },
    ]);
    expect((await run('models', 'list')).stdout).toMatch(
      /main, v1\.0: onnx\/model_quantized\.onnx; 10 B of an interrupted/,
    );
    const { bytes } = JSON.parse((await run('models', 'size', '--json')).stdout) as { bytes: number };
    expect(bytes).toBe(models[0].bytes);
    expect(bytes).toBeGreaterThan(100_000);
  });

  it('verifies every file', async () => {
    await run('pull', 'org/model');
    expect((await run('models', 'verify', 'org/model')).stdout).toBe(
      '✓ org/model  9 files as they should be\n',
    );
    await damage();
    const { status, stdout } = await run('models', 'verify', '--json');
    expect(status).toBe(1);
    expect(jsonLines(stdout)).toMatchObject([
      { name: 'org/model', whole: 8, damaged: [expect.any(String)], unknown: [] },
    ]);
    const [first] = await readdir(blobs());
    await rm(join(blobs(), first));
    expect((await run('models', 'verify')).stdout).toContain('→ embedlane pull org/model');
  });

  it('removes a model and nothing else', async () => {
    hub.server.addFolder('org/other', 'test/fixtures/models/tiny-bert-cls');
    await run('pull', 'org/model', 'org/other');
    expect((await run('models', 'remove', 'org/model')).stdout).toMatch(
      /^org\/model {2}removed, .* freed\n$/,
    );
    expect((await readdir(hub.cacheDir)).filter((name) => name.startsWith('models--'))).toEqual([
      'models--org--other',
    ]);
    expect(await run('models', 'remove', 'org/model')).toMatchObject({ status: 1 });
    expect(await run('models', 'remove', '../..')).toMatchObject({ status: 2 });
  });
});

it('embed takes a model of the hub', async () => {
  hub.server.addFolder('org/tiny', 'test/fixtures/models/tiny-bert-cls');
  const { status, stdout, stderr } = await run('embed', '--model', 'org/tiny', 'a text');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(jsonLines<{ embedding: number[] }>(stdout)[0].embedding.length).toBe(32);
});

it('doctor shows cache and hub, but no token', async () => {
  const { stdout } = await cli(['doctor'], {
    env: {
      HF_ENDPOINT: 'https://mirror.example',
      HF_HUB_CACHE: hub.cacheDir,
      HF_TOKEN: 'hf_secret',
      HF_HUB_OFFLINE: '',
    },
  });
  expect(stdout).toContain(`${hub.cacheDir}, 0 models`);
  expect(stdout).toContain('https://mirror.example, with a token');
  expect(stdout).not.toContain('hf_secret');
});
