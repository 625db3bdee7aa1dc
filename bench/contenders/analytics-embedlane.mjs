import { readFileSync } from 'node:fs';
import { communityDetection, kMeans, PCA, paraphraseMining, semanticSearch } from 'embedlane/vectors';
import { repeat } from '../lib/repeat.mjs';
import { serve } from '../lib/serve.mjs';

let threads;
const matrices = new Map();

function matrix(file, dims) {
  if (!matrices.has(file)) {
    const { buffer } = Uint8Array.from(readFileSync(file));
    const data = new Float32Array(buffer);
    matrices.set(file, { data, rows: data.length / dims, dims });
  }
  return matrices.get(file);
}

/** Of each task: what is timed, and the figures of its result that others have to have too. */
const TASKS = {
  search: {
    run: ({ files, dims, k }) =>
      semanticSearch(matrix(files.queries, dims), matrix(files.rows, dims), { k, threads }),
    summary: (hits) => hits.flatMap((list) => list.map(({ score }) => score)),
  },
  mining: {
    run: ({ files, dims, pairs }) => paraphraseMining(matrix(files.rows, dims), { maxPairs: pairs, threads }),
    summary: (pairs) => [pairs.length, ...pairs.slice(0, 1000).map(([score]) => score)],
  },
  communities: {
    run: ({ files, dims, threshold, least }) =>
      communityDetection(matrix(files.rows, dims), { threshold, minCommunitySize: least, threads }),
    summary: (found) => [found.length, found.reduce((sum, { length }) => sum + length, 0)],
  },
  'k-means': {
    run: ({ files, dims, clusters, iterations }) =>
      kMeans(matrix(files.rows, dims), { clusters, maxIterations: iterations, threads }),
    summary: ({ inertia }) => [inertia],
  },
  pca: {
    run: ({ files, dims, components }) => PCA.fit(matrix(files.rows, dims), { components, threads }),
    summary: ({ explainedVariance }) => Array.from(explainedVariance),
  },
};

serve({
  init: (argument) => {
    ({ threads } = argument);
    return {};
  },
  summary: async (job) => TASKS[job.task].summary(await TASKS[job.task].run(job)),
  round: ({ seconds, ...job }) => repeat(seconds, () => TASKS[job.task].run(job)),
});
