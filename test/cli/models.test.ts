import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startHub } from '../hub/support.js';
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
