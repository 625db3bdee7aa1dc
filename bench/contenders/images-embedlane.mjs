/** embedlane as a user calls it: one `encode` with all paths. */
import { ImageEmbedder } from 'embedlane';
import { modelId } from '../lib/pictures.mjs';
import { serveFiles } from '../lib/serve-files.mjs';

let model;

serveFiles(
  async ({ threads, batchSize }) => {
    model = await ImageEmbedder.load(modelId, { threads, batchSize });
    return {};
  },
  async (paths) => (await model.encode(paths, { normalize: true })).data,
  () => model?.close(),
);
