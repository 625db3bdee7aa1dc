/** embedlane's static models as a user calls them: one `encode` with all texts. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StaticEmbedder, TextEmbedder } from 'embedlane';
import { watchLoop } from '../lib/loop.mjs';
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
  async round() {
    let seconds;
    const { loop } = await watchLoop(async () => {
      const started = performance.now();
      await model.encode(texts);
      seconds = (performance.now() - started) / 1000;
    });
    return { seconds, loop };
  },
  close: () => model?.close(),
});
