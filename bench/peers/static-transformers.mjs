/** transformers.js with a static model: its tokenizer, and the graph of static-graph.mjs in onnxruntime. */
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { AutoModel, AutoTokenizer, env } from '@huggingface/transformers';
import { timeWatched } from '../lib/loop.mjs';
import { serve } from '../lib/serve.mjs';

/** The fastest of 32 to 1024. */
const BATCH = 256;

let model;
let tokenizer;
let texts;

async function encode(all) {
  let result;
  for (let start = 0; start < all.length; start += BATCH) {
    const batch = all.slice(start, start + BATCH);
    const inputs = await tokenizer(batch, { add_special_tokens: false, padding: true });
    const { embeddings } = await model(inputs);
    const dims = embeddings.dims[1];
    result ??= new Float32Array(all.length * dims);
    result.set(embeddings.data, start * dims);
  }
  return result;
}

serve({
  async init({ folder }) {
    env.allowRemoteModels = false;
    env.localModelPath = dirname(folder);
    const id = basename(folder);
    model = await AutoModel.from_pretrained(id, { config: { model_type: 'model2vec' }, dtype: 'fp32' });
    tokenizer = await AutoTokenizer.from_pretrained(id);
    texts = JSON.parse(await readFile(join(folder, 'texts.json'), 'utf8'));
    return { version: env.version };
  },
  vectors: async ({ count }) => ({ vectors: await encode(texts.slice(0, count)) }),
  round: () => timeWatched(() => encode(texts)),
  close: () => model?.dispose(),
});
