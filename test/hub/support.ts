import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, vi } from 'vitest';
import {
  checkHubOptions,
  type HubOptions,
  type ModelLocation,
  type ModelRequest,
  resolveModel,
} from '#dist/hub/index.js';
import { HubServer } from './server.js';

/** Files of a repository as sentence-transformers publishes them. */
export const FILES = {
  '.gitattributes': '*.onnx filter=lfs',
  'README.md': '# model',
  'config.json': '{"model_type":"bert"}',
  'tokenizer.json': '{}',
  'tokenizer_config.json': '{"model_max_length":128}',
  'vocab.txt': '[PAD]',
  'modules.json': JSON.stringify([
    { idx: 0, name: '0', path: '', type: 'sentence_transformers.models.Transformer' },
    { idx: 1, name: '1', path: '1_Pooling', type: 'sentence_transformers.models.Pooling' },
    { idx: 2, name: '2', path: '2_Dense', type: 'sentence_transformers.models.Dense' },
  ]),
  '1_Pooling/config.json': '{"pooling_mode_mean_tokens":true}',
  '2_Dense/config.json': '{"in_features":4}',
  '2_Dense/model.safetensors': randomBytes(2_000),
  'model.safetensors': randomBytes(300_000),
  'model.safetensors.index.json': '{}',
  'openvino/config.json': '{}',
  'onnx/model.onnx': randomBytes(300_000),
  'onnx/model.onnx_data': randomBytes(400_000),
  'onnx/model_quantized.onnx': randomBytes(100_000),
};

/** What of them a load with the default dtype needs. */
export const NEEDED = [
  '1_Pooling/config.json',
  '2_Dense/config.json',
  '2_Dense/model.safetensors',
  'config.json',
  'modules.json',
  'onnx/model.onnx',
  'onnx/model.onnx_data',
  'tokenizer.json',
  'tokenizer_config.json',
];

export interface Hub {
  server: HubServer;
  /** An empty cache, new for every test. */
  cacheDir: string;
  resolve(id: string, options?: HubOptions, request?: ModelRequest): Promise<ModelLocation>;
}

/** A server with the model `org/model`, and an environment in which nothing else is known. */
export function startHub(): Hub {
  const hub = {} as Hub;
  let folder: string;
  beforeAll(async () => {
    hub.server = await HubServer.start();
    folder = await mkdtemp(join(tmpdir(), 'embedlane-hub-'));
  });
  afterAll(async () => {
    await hub.server.stop();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    for (const name of Object.keys(process.env))
      if (/^(HF|HUGGING|TRANSFORMERS)/.test(name)) vi.stubEnv(name, undefined);
    hub.cacheDir = await mkdtemp(join(folder, 'cache-'));
    vi.stubEnv('HF_HOME', join(hub.cacheDir, 'home'));
    hub.server.models.clear();
    hub.server.add('org/model', FILES);
    hub.server.seen.length = 0;
    hub.server.fault = () => undefined;
    hub.server.pageSize = 1000;
    hub.server.pageOrigin = undefined;
  });
  afterEach(() => vi.unstubAllEnvs());
  hub.resolve = (id, options, request) =>
    resolveModel(id, {
      hub: checkHubOptions({ endpoint: hub.server.url, cacheDir: hub.cacheDir, ...options }),
      ...request,
    });
  return hub;
}
