/** embedlane as a user calls it: one `encode` with all texts. */
import { TextEmbedder } from 'embedlane';
import { serveText } from '../lib/serve-text.mjs';
import { modelId } from '../lib/texts.mjs';

let model;

serveText(
  async ({ dtype, threads, spin }) => {
    model = await TextEmbedder.load(modelId, { dtype, threads, spin });
    return {};
  },
  async (texts) => (await model.encode(texts)).data,
  () => model?.close(),
);
