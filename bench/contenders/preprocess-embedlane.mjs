/** The part of embedlane's lane that decodes and resizes, on its threads, without the model. */

import { readImageModelConfig } from '../../dist/image/config/index.js';
import { DEFAULT_MAX_BYTES, DEFAULT_MAX_PIXELS } from '../../dist/image/decode/settings.js';
import { PreparationPool } from '../../dist/image/lane/pool.js';
import { modelId, modelsFolder } from '../lib/pictures.mjs';
import { serveFiles } from '../lib/serve-files.mjs';

let pool;

serveFiles(
  async ({ threads }) => {
    const { preprocessing } = await readImageModelConfig(`${modelsFolder}${modelId}`);
    const decode = {
      maxPixels: DEFAULT_MAX_PIXELS,
      maxBytes: DEFAULT_MAX_BYTES,
      alpha: 'drop',
      autoOrient: true,
      svg: false,
      hosts: [],
      privateAddresses: false,
    };
    pool = await PreparationPool.start(threads, { preprocessing, decode, heightFirst: true });
    return {};
  },
  async (paths) => {
    const size = 3 * 224 * 224;
    const out = new Float32Array(paths.length * size);
    const work = paths.map(async (path, i) => out.set((await pool.prepare(0, { path })).data, i * size));
    await Promise.all(work);
    return out;
  },
);
