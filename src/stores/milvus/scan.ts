import { type SparseVector, sparseDot } from '../../heads/sparse.js';
import { topK } from '../../vectors/index.js';
import { byScore } from '../base/ranking.js';
import type { CollectionInfo, StoredRecord, StoreHit, StoreVector } from '../types.js';

/**
 * The `k` best of all records in `pages`, which have their vectors; in memory are one page and `k` hits. Hits keep
 * only their ids and scores.
 */
export async function scanForBest(
  query: StoreVector,
  pages: AsyncIterable<readonly StoredRecord[]>,
  k: number,
  info: CollectionInfo,
  signal: AbortSignal | undefined,
): Promise<StoreHit[]> {
  const order = byScore(info);
  let best: StoreHit[] = [];
  for await (const page of pages) {
    const scores = await scoresOf(query, page, info, signal);
    const hits = page.map(({ id }, i) => ({ id, score: scores[i] }));
    best = [...best, ...hits].sort(order).slice(0, k);
  }
  return best;
}

async function scoresOf(
  query: StoreVector,
  page: readonly StoredRecord[],
  info: CollectionInfo,
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const scores = new Float32Array(page.length);
  if (page.length === 0) return scores;
  if (info.dtype === 'sparse') {
    page.forEach(({ vector }, i) => {
      scores[i] = sparseDot(query as SparseVector, vector as SparseVector);
    });
    return scores;
  }
  const rows = page.map(({ vector }) => vector as Float32Array | Uint8Array);
  const found = await topK(matrix([query as Float32Array], info), matrix(rows, info), {
    k: page.length,
    metric: info.metric,
    signal,
  });
  found.indices.forEach((row, i) => {
    scores[row] = found.scores[i];
  });
  return scores;
}

function matrix(rows: readonly (Float32Array | Uint8Array)[], { dims, dtype }: CollectionInfo) {
  const width = rows[0].length;
  const data = dtype === 'b1' ? new Uint8Array(rows.length * width) : new Float32Array(rows.length * width);
  rows.forEach((row, i) => {
    data.set(row, i * width);
  });
  return { data, rows: rows.length, dims, dtype: dtype === 'b1' ? ('b1' as const) : ('f32' as const) };
}
