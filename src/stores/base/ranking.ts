import type { CollectionInfo, StoreHit } from '../types.js';

/** Best first by the metric, equal scores by id, byte for byte. */
export function byScore({ metric }: CollectionInfo): (a: StoreHit, b: StoreHit) => number {
  const sign = metric === 'l2' || metric === 'hamming' ? 1 : -1;
  return (a, b) => sign * (a.score - b.score) || Buffer.compare(Buffer.from(a.id), Buffer.from(b.id));
}

/**
 * The `k` best hits of an engine that does not order equal scores by id: where the last place is shared, everything
 * that shares it has to be known.
 *
 * @param find the `limit` best hits, best first
 * @param most largest limit that the engine takes
 */
export async function bestHits(
  info: CollectionInfo,
  k: number,
  most: number,
  find: (limit: number) => Promise<StoreHit[]>,
): Promise<StoreHit[]> {
  for (let limit = k + 1; ; limit *= 2) {
    const asked = Math.min(limit, most);
    const hits = await find(asked);
    const isShared = hits.length === asked && hits[asked - 1].score === hits[k - 1]?.score;
    if (!isShared || asked === most) return hits.sort(byScore(info)).slice(0, k);
  }
}
