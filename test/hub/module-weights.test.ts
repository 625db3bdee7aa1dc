import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { onnxModelFiles } from '#dist/hub/index.js';

it("takes PyTorch's files of layers that have no others, those of a Router included, and no Transformer's", async () => {
  const folder = await mkdtemp(join(tmpdir(), 'embedlane-weights-'));
  const modules = ['Transformer', 'Pooling', 'Dense', 'Dense', 'LayerNorm', 'Asym', 'CLIPModel'];
  await writeFile(
    join(folder, 'modules.json'),
    JSON.stringify(modules.map((type, i) => ({ type: `a.${type}`, path: i === 0 ? '' : `${i}_${type}` }))),
  );
  const files = [
    'pytorch_model.bin',
    '2_Dense/pytorch_model.bin',
    '3_Dense/model.safetensors',
    '3_Dense/pytorch_model.bin',
    '4_LayerNorm/pytorch_model.bin',
    '5_Asym/140235_Dense/pytorch_model.bin',
    '5_Asym/140236_Dense/model.safetensors',
    '5_Asym/140237_Transformer/pytorch_model.bin',
    '6_CLIPModel/pytorch_model.bin',
    'model.onnx',
    'modules.json',
  ];
  const select = onnxModelFiles(() => 'model.onnx');
  const repository = { name: 'a/b', files, fetch: async (path: string) => join(folder, path) };
  expect([...(await select(repository))].sort()).toEqual([
    '2_Dense/pytorch_model.bin',
    '3_Dense/model.safetensors',
    '4_LayerNorm/pytorch_model.bin',
    '5_Asym/140235_Dense/pytorch_model.bin',
    '5_Asym/140236_Dense/model.safetensors',
    'model.onnx',
    'modules.json',
  ]);
  await rm(folder, { recursive: true });
});
