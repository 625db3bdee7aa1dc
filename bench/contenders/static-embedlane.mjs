/** embedlane's static models as a user calls them: one `encode` with all texts. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StaticEmbedder, TextEmbedder } from 'embedlane';
import { timeWatched } from '../lib/loop.mjs';
import { serve } from '../lib/serve.mjs';

let model;
let texts;

serve({
  async init({ folder, through }) {
    model = await (through === 'TextEmbedder' ? TextEmbedder : StaticEmbedder).load(folder);
    texts = JSON.parse(await readFile(join(folder, 'texts.json'), 'utf8'));
    return {};
  },
  vectors: async ({ count }) => ({ vectors: (await model.encode(texts.slice(0, count))).data }),
  round: () => timeWatched(() => model.encode(texts)),
  close: () => model?.close(),
});
