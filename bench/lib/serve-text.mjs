import { loadInProcess } from './load.mjs';
import { timeWatched, watchLoop } from './loop.mjs';
import { serve } from './serve.mjs';

/**
 * Serves a text contender.
 *
 * @param {(options: object) => Promise<object>} load loads the model, returns what the table says about it
 * @param {(texts: string[]) => Promise<Float32Array>} encode embeds, row-major in the order of `texts`
 * @param {() => Promise<void>} [close]
 */
export function serveText(load, encode, close) {
  serve({
    init: load,
    /** Vectors, for the comparison with the others; never timed. */
    vectors: async ({ texts }) => ({ vectors: await encode(texts) }),
    /** Brings a process that has waited for its turn back into the caches; never timed. */
    async warm({ texts }) {
      await encode(texts);
    },
    round: ({ texts }) => timeWatched(() => encode(texts)),
    /** Callers with one text each, who send the next as soon as they have the answer. */
    async clients({ texts, clients, seconds }) {
      const model = { encode: (text) => encode([text]) };
      const { value, loop } = await watchLoop(() => loadInProcess(model, texts, clients, seconds));
      return { ...value, loop };
    },
    close,
  });
}
