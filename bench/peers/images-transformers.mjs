/** transformers.js: its image processor, and with `model` the graph after it, as its documentation shows both. */
import { AutoModel, AutoProcessor, env, RawImage } from '@huggingface/transformers';
import { joined } from '../lib/arrays.mjs';
import { packageVersion, peersFolder } from '../lib/machine.mjs';
import { modelId, modelsFolder } from '../lib/pictures.mjs';
import { serveFiles } from '../lib/serve-files.mjs';

env.allowRemoteModels = false;
env.localModelPath = modelsFolder;

let processor;
let model;
let settings;

async function load(options) {
  settings = options;
  processor = await AutoProcessor.from_pretrained(modelId);
  if (settings.model) {
    model = await AutoModel.from_pretrained(modelId, {
      dtype: 'fp32',
      device: 'cpu',
      session_options: { intraOpNumThreads: settings.threads },
    });
  }
  return { runtime: `onnxruntime-node ${packageVersion('onnxruntime-node', peersFolder)}` };
}

async function work(paths) {
  const rows = [];
  for (let start = 0; start < paths.length; start += settings.batchSize) {
    const images = await Promise.all(
      paths.slice(start, start + settings.batchSize).map((path) => RawImage.read(path)),
    );
    const inputs = await processor(images);
    if (!model) {
      rows.push(inputs.pixel_values.data);
      continue;
    }
    const { features } = await model(inputs);
    const dims = features.dims[1];
    for (let i = 0; i < images.length; i++) {
      const row = features.data.slice(i * dims, (i + 1) * dims);
      const length = Math.hypot(...row);
      rows.push(row.map((value) => value / length));
    }
  }
  return joined(rows);
}

serveFiles(load, work, () => model?.dispose());
