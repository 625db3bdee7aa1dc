import { readdir, readFile, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EmbedlaneError, StaticEmbedder, TextEmbedder } from '#dist/index.js';
import { startHub } from './support.js';

const hub = startHub();
const TEXTS = ['A man is eating food.', 'Someone has dinner.'];

function load(id: string, options: object = {}) {
  return TextEmbedder.load(id, { endpoint: hub.server.url, cacheDir: hub.cacheDir, ...options });
}

describe('TextEmbedder.load', () => {
  it('downloads a model, and computes what the same files in a folder compute', async () => {
    hub.server.addFolder('someone/minilm', 'models/all-MiniLM-L6-v2');
    const progress: number[] = [];
    await using model = await load('someone/minilm', {
      dtype: 'int8',
      onProgress: ({ completed, total }: { completed: number; total: number }) =>
        progress.push(completed / total),
    });
    await using local = await TextEmbedder.load('all-MiniLM-L6-v2', { dtype: 'int8' });
    expect(model.modelId).toBe('someone/minilm');
    expect(progress.at(-1)).toBe(1);
    const [remote, bundled] = await Promise.all([model.encode(TEXTS), local.encode(TEXTS)]);
    expect(remote.data).toEqual(bundled.data);
    // The float16 file, 45 MB, was not asked for.
    expect(hub.server.downloads('model_fp16.onnx')).toEqual([]);
    hub.server.seen.length = 0;
    await using again = await load('someone/minilm', { dtype: 'int8', localFilesOnly: true });
    expect((await again.encode(TEXTS)).data).toEqual(bundled.data);
    expect(hub.server.seen).toEqual([]);
  });

  it('repairs a damaged cache by itself', async () => {
    hub.server.addFolder('someone/tiny', 'test/fixtures/models/tiny-bert-cls');
    await (await load('someone/tiny')).close();
    const [commit] = await readdir(join(hub.cacheDir, 'models--someone--tiny/snapshots'));
    const snapshot = join(hub.cacheDir, 'models--someone--tiny/snapshots', commit);
    for (const path of ['onnx/model.onnx', 'tokenizer.json', 'modules.json']) {
      const file = await realpath(join(snapshot, path));
      const { length } = await readFile(file);
      await writeFile(file, Buffer.alloc(length, 0x20));
      await using model = await load('someone/tiny');
      expect((await model.encode(TEXTS)).rows).toBe(2);
    }
  });

  it('reports what is wrong with a model that is whole', async () => {
    hub.server.add('someone/broken', {
      'config.json': '{}',
      'tokenizer.json': '{}',
      'onnx/model.onnx': 'no graph',
    });
    await expect(load('someone/broken')).rejects.toMatchObject({ code: 'ERR_MODEL_INVALID' });
  });

  it('names the variants that a repository has', async () => {
    hub.server.addFolder('someone/tiny', 'test/fixtures/models/tiny-bert-cls');
    await expect(load('someone/tiny', { dtype: 'int8' })).rejects.toMatchObject({
      code: 'ERR_MODEL_NOT_FOUND',
      message: expect.stringMatching(/someone\/tiny.*only onnx\/model\.onnx/) as string,
    });
    expect(hub.server.downloads()).toEqual([]);
  });

  it('takes from the hub what the bundled copy of a model lacks', async () => {
    const id = 'sentence-transformers/all-MiniLM-L6-v2';
    await expect(load(id, { dtype: 'fp32', localFilesOnly: true })).rejects.toMatchObject({
      code: 'ERR_MODEL_NOT_FOUND',
    });
    await using model = await load(id, { dtype: 'int8', localFilesOnly: true });
    expect(model.modelId).toBe('all-MiniLM-L6-v2');
  });

  it('of a static model downloads its table, and repairs it', async () => {
    hub.server.addFolder('someone/static', 'test/fixtures/models/tiny-static');
    const options = { endpoint: hub.server.url, cacheDir: hub.cacheDir };
    const first = await StaticEmbedder.load('someone/static', options);
    const before = await first.encode(TEXTS);
    await first.close();
    const blobs = join(hub.cacheDir, 'models--someone--static/blobs');
    for (const name of await readdir(blobs)) await writeFile(join(blobs, name), 'damaged');
    await using again = await StaticEmbedder.load('someone/static', options);
    expect((await again.encode(TEXTS)).data).toEqual(before.data);
    for (const name of await readdir(blobs)) await writeFile(join(blobs, name), 'damaged');
    await using text = await TextEmbedder.load('someone/static', options);
    expect((await text.encode(TEXTS)).data).toEqual(before.data);
  });

  it('stops downloading when it is aborted', async () => {
    hub.server.addFolder('someone/minilm', 'models/all-MiniLM-L6-v2');
    hub.server.fault = ({ host }) => (host === 'cdn' ? { slow: { bytes: 100_000, pause: 20 } } : undefined);
    const controller = new AbortController();
    const onProgress = () => controller.abort();
    await expect(load('someone/minilm', { signal: controller.signal, onProgress })).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    });
  });

  it('checks the options before anything else', async () => {
    await expect(load('someone/none', { endpoint: 'nowhere' })).rejects.toBeInstanceOf(EmbedlaneError);
    await expect(load('someone/none', { tokn: 'x' })).rejects.toMatchObject({
      message: expect.stringContaining("did you mean 'token'") as string,
    });
    expect(hub.server.seen).toEqual([]);
  });
});
