import { watchLoop } from './loop.mjs';
import { repeat } from './repeat.mjs';
import { serve } from './serve.mjs';
import { clusteredVectors } from './vectors.mjs';

export const CORPUS_SEED = 1;
export const QUERY_SEED = 2;

/**
 * Serves a top-k contender.
 *
 * @param {object} contender
 * @param {(corpus: Float32Array, dims: number) => void | Promise<void>} contender.prepare before any timing
 * @param {(job: { queries: Float32Array, rows: number, dims: number, k: number, metric: 'cosine' | 'dot', threads: number })
 *   => { indices: ArrayLike<number>, scores: ArrayLike<number> } | Promise<…>} contender.search best first
 * @param {() => object} [contender.about]
 */
export function serveTopK({ prepare, search, about }) {
  let dims;
  const queriesOf = new Map();

  function job({ queries, k, metric, threads }) {
    if (!queriesOf.has(queries)) queriesOf.set(queries, clusteredVectors(queries, dims, QUERY_SEED));
    return { queries: queriesOf.get(queries), rows: queries, dims, k, metric, threads };
  }

  serve({
    async init(options) {
      dims = options.dims;
      await prepare(clusteredVectors(options.rows, dims, CORPUS_SEED), dims);
      return about?.() ?? {};
    },
    async result(options) {
      const { indices, scores } = await search(job(options));
      return { indices: Uint32Array.from(indices, Number), scores: Float32Array.from(scores) };
    },
    async round({ seconds, ...options }) {
      const task = job(options);
      const { value, loop } = await watchLoop(() => repeat(seconds, () => search(task)));
      return { ...value, loop };
    },
  });
}
