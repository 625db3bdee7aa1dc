import { timeWatched } from './loop.mjs';
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
    round: ({ paths }) => timeWatched(() => work(paths)),
    close,
  });
}
