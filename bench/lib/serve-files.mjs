import { watchLoop } from './loop.mjs';
import { serve } from './serve.mjs';

/**
 * Serves a contender whose work is on files: some can only preprocess, some only embed.
 *
 * @param {(options: object) => Promise<object>} load loads what is needed
 * @param {(paths: string[]) => Promise<Float32Array>} work row-major results, in the order of the paths
 */
export function serveFiles(load, work, close) {
  serve({
    init: load,
    /** Results, for the comparison with the others; never timed. */
    vectors: async ({ paths }) => ({ vectors: await work(paths) }),
    async warm({ paths }) {
      await work(paths);
    },
    async round({ paths }) {
      let seconds;
      const { loop } = await watchLoop(async () => {
        const started = performance.now();
        await work(paths);
        seconds = (performance.now() - started) / 1000;
      });
      return { seconds, loop };
    },
    close,
  });
}
