import { invalidArgument } from '../../core/errors.js';
import type { Metric, NativeBinding } from '../binding.js';
import { groupSums, scatterMatrix } from './analytics.js';
import { audio } from './audio.js';
import { bagMeans } from './bag.js';
import { conversions } from './conversions.js';
import { crc32c } from './crc32c.js';
import { image } from './image.js';
import { cosineOf, dotSum, l1Sum, normalizeRows, squaredL2Sum } from './kernels.js';
import { lockFile } from './lock-file.js';
import { pool } from './pooling.js';
import { HeapRowStore } from './row-store.js';
import { topK, topKSync } from './topk.js';

/**
 * The binding without the addon: the same functions with the same results, bit for bit, in TypeScript. For
 * platforms without a binary, and the reference that tests hold the addon against.
 */
export function createFallback(): NativeBinding {
  return {
    backend: 'typescript',
    simdLevel: () => 'scalar',
    simdLevels: () => ['scalar'],
    setSimdLevel(level) {
      if (level !== 'scalar') throw invalidArgument('level', 'an available SIMD level', level);
    },
    dot: (a, b) => Math.fround(dotSum(a, 0, b, 0, a.length)),
    cosine: (a, b) => score('cosine', a, 0, dotSum(a, 0, a, 0, a.length), b, 0, a.length),
    l2: (a, b) => score('l2', a, 0, 0, b, 0, a.length),
    scores: (metric, query, corpus, out) => matrix(metric, query, corpus, query.length, out),
    matrix,
    normalizeRows,
    pool,
    ...conversions,
    bagMeans,
    topKSync: (queries, corpus, dims, k, metric) => topKSync(queries, corpus, dims, k, metric),
    topK: (queries, corpus, dims, k, metric) => topK(queries, corpus, dims, k, metric),
    ...image,
    groupSums,
    scatterMatrix,
    createRowStore: (dims, dtype) => new HeapRowStore(dims, dtype),
    crc32c,
    lockFile,
    ...audio,
  };
}

function matrix(
  metric: Metric | 'l1',
  a: Float32Array,
  b: Float32Array,
  dims: number,
  out: Float32Array,
): void {
  const columns = b.length / dims;
  for (let i = 0; i * dims < a.length; i++) {
    const square = metric === 'cosine' ? dotSum(a, i * dims, a, i * dims, dims) : 0;
    for (let j = 0; j < columns; j++) {
      out[i * columns + j] = score(metric, a, i * dims, square, b, j * dims, dims);
    }
  }
}

function score(
  metric: Metric | 'l1',
  a: Float32Array,
  aStart: number,
  aSquare: number,
  b: Float32Array,
  bStart: number,
  dims: number,
): number {
  switch (metric) {
    case 'dot':
      return Math.fround(dotSum(a, aStart, b, bStart, dims));
    case 'cosine': {
      const dot = dotSum(a, aStart, b, bStart, dims);
      return Math.fround(cosineOf(dot, aSquare, dotSum(b, bStart, b, bStart, dims)));
    }
    case 'l2':
      return Math.fround(Math.sqrt(squaredL2Sum(a, aStart, b, bStart, dims)));
    case 'l1':
      return Math.fround(l1Sum(a, aStart, b, bStart, dims));
  }
}
