/** transformers.js: the feature-extraction pipeline as its documentation shows it. */
import { env, pipeline } from '@huggingface/transformers';
import { packageVersion, peersFolder } from '../lib/machine.mjs';
import { serveText } from '../lib/serve-text.mjs';
import { modelId, modelsFolder } from '../lib/texts.mjs';

env.allowRemoteModels = false;
env.localModelPath = modelsFolder;

/** Its name of the data type decides which file it opens: fp16 → model_fp16.onnx, q8 → model_quantized.onnx. */
const DTYPE = { fp16: 'fp16', int8: 'q8' };

let extractor;
let settings;

async function load({ dtype, threads, batchSize, sorted }) {
  settings = { batchSize, sorted };
  extractor = await pipeline('feature-extraction', modelId, {
    dtype: DTYPE[dtype],
    device: 'cpu',
    session_options: { intraOpNumThreads: threads },
  });
  return { runtime: `onnxruntime-node ${packageVersion('onnxruntime-node', peersFolder)}` };
}

async function encode(texts) {
  const { batchSize, sorted } = settings;
  const order = [...texts.keys()];
  if (sorted) order.sort((a, b) => texts[a].length - texts[b].length);
  let result;
  for (let start = 0; start < order.length; start += batchSize) {
    const batch = order.slice(start, start + batchSize);
    const output = await extractor(
      batch.map((index) => texts[index]),
      { pooling: 'mean', normalize: true },
    );
    const dims = output.dims[1];
    result ??= new Float32Array(texts.length * dims);
    for (const [row, index] of batch.entries()) {
      result.set(output.data.subarray(row * dims, (row + 1) * dims), index * dims);
    }
  }
  return result;
}

serveText(load, encode, () => extractor?.dispose());
