import { invalidArgument } from '../../core/errors.js';
import type { NativeBinding } from '../binding.js';
import { groupSums, scatterMatrix } from './analytics.js';
import { audio } from './audio.js';
import { bagMeans } from './bag.js';
import { conversions } from './conversions.js';
import { crc32c } from './crc32c.js';
import { image } from './image.js';
import { normalizeRows } from './kernels.js';
import { lockFile } from './lock-file.js';
import { pool } from './pooling.js';
import { HeapRowStore } from './row-store.js';
import { matrix, pair } from './scores.js';
import { symmetricEigen } from './symmetric-eigen.js';
import { topK, topKSync } from './topk.js';

/**
 * The binding without the addon: the same functions with the same results, bit for bit (eigenvectors to within
 * rounding), in TypeScript. For platforms without a binary, and the reference that tests hold the addon against.
 */
export function createFallback(): NativeBinding {
  return {
    backend: 'typescript',
    simdLevel: () => 'scalar',
    simdLevels: () => ['scalar'],
    setSimdLevel(level) {
      if (level !== 'scalar') throw invalidArgument('level', 'an available SIMD level', level);
    },
    dot: pair('dot', false),
    cosine: pair('cosine', false),
    l2: pair('l2', false),
    l1: pair('l1', false),
    hamming: pair('l1', true),
    jaccard: pair('jaccard', true),
    scores: (metric, query, corpus, out) => matrix(metric, query, corpus, query.length, out),
    matrix,
    normalizeRows,
    pool,
    ...conversions,
    bagMeans,
    preferLargePages: () => {},
    topKSync: (queries, corpus, dims, k, metric, _, dtype) =>
      topKSync(queries, corpus, dims, k, metric, dtype),
    topK: (queries, corpus, dims, k, metric, _, dtype) => topK(queries, corpus, dims, k, metric, dtype),
    ...image,
    measureLimits: () => ({ promise: Promise.resolve(), cancel() {} }),
    groupSums,
    scatterMatrix,
    symmetricEigen,
    createRowStore: (dims, dtype) => new HeapRowStore(dims, dtype),
    crc32c,
    lockFile,
    endWithParent: () => false,
    ...audio,
  };
}
