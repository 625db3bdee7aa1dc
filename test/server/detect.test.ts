import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { M3Embedder } from '#dist/index.js';
import { detectKind } from '#dist/server/models/detect.js';
import { HubServer } from '../hub/server.js';
import { fixture } from '../text/goldens.js';

const XLMR = fixture('models/tiny-xlmr');

/** bge-m3 as others publish it: with heads in PyTorch's files, with a graph that has them, or without any. */
describe('a model with the architecture of bge-m3', () => {
  let root: string;
  let hub: HubServer;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'embedlane-detect-'));
    hub = await HubServer.start();
  });
  afterAll(async () => {
    await hub.stop();
    await rm(root, { recursive: true });
  });

  async function folder(name: string, left: readonly string[], graph = 'model.onnx'): Promise<string> {
    const path = join(root, name);
    await cp(XLMR, path, {
      recursive: true,
      filter: (source) => !left.some((file) => source.endsWith(file)),
    });
    await cp(join(XLMR, 'onnx', graph), join(path, 'onnx', 'model.onnx'));
    return path;
  }

  const HEADS = 'bgem3_heads.safetensors';

  it('is m3 with the files of BAAI, and gives the numbers of the other file', async () => {
    const path = await folder('torch', [HEADS, 'model_bgem3.onnx']);
    for (const head of ['sparse_linear.pt', 'colbert_linear.pt']) {
      expect(await detectKind(path, {})).toBe('text');
      await cp(fixture(`goldens/torch/${head}`), join(path, head));
    }
    expect(await detectKind(path, {})).toBe('m3');
    const [model, other] = await Promise.all([M3Embedder.load(path), M3Embedder.load(XLMR)]);
    const texts = ['who sleeps', 'a cat naps'];
    expect(await model.encode(texts)).toEqual(await other.encode(texts));
    await Promise.all([model.close(), other.close()]);
  });

  it('is m3 with the three outputs in the graph, and text without', async () => {
    const left = [HEADS, 'modules.json', 'config_sentence_transformers.json', 'model_bgem3.onnx'];
    expect(await detectKind(await folder('outputs', left, 'model_bgem3.onnx'), {})).toBe('m3');
    expect(await detectKind(await folder('hidden', left), {})).toBe('text');
    const both = await folder('both', left.slice(0, 3));
    expect(await detectKind(both, {})).toBe('text');
    expect(await detectKind(both, { modelFile: 'model_bgem3.onnx' })).toBe('m3');
    expect(await detectKind(both, { dtype: 'q4' })).toBe('text');
  });

  it('is found out of a hub by its graph only where nothing else says it', async () => {
    const options = { endpoint: hub.url, cacheDir: join(root, 'cache'), localFilesOnly: false };
    const graphs = () => hub.downloads().filter(({ host, path }) => host === 'cdn' && path.endsWith('.onnx'));
    hub.addFolder('some/outputs', join(root, 'outputs'));
    hub.addFolder('some/torch', join(root, 'torch'));
    hub.addFolder('some/other', fixture('models/tiny-bert-cls'));
    expect(await detectKind('some/outputs', options)).toBe('m3');
    expect(graphs()).toHaveLength(1);
    expect(await detectKind('some/torch', options)).toBe('m3');
    expect(await detectKind('some/other', options)).toBe('text');
    expect(graphs()).toHaveLength(1);
  });
});
