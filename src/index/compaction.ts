import { setImmediate } from 'node:timers/promises';
import type { Bitmap } from './bitmap.js';
import { Contents } from './contents.js';

/**
 * The live rows alone, in the same order, copied with turns of the event loop between. While it is under way, the
 * contents may change; {@link catchUp} brings the copy up to date.
 *
 * @param live the rows of the moment of the call
 * @param isStopped asked at every turn
 * @returns undefined if it was stopped
 */
export async function compacted(
  before: Contents,
  live: Bitmap,
  isStopped: () => boolean,
): Promise<Contents | undefined> {
  const compact = new Contents(before.spec);
  try {
    for (const positions of before.batches(live)) {
      before.copyTo(compact, positions);
      await setImmediate();
      if (isStopped()) {
        compact.release();
        return;
      }
    }
  } catch (error) {
    compact.release();
    throw error;
  }
  return compact;
}

/**
 * Does to `compact`, which has the rows `live` of `before`, what was done to `before` since these were live.
 *
 * @returns positions in `compact` that were removed
 */
export function catchUp(compact: Contents, before: Contents, live: Bitmap): number[] {
  const removed: number[] = [];
  let position = 0;
  for (const [w, word] of live.words.entries()) {
    for (let lost = word & ~before.live.words[w]; lost !== 0; lost &= lost - 1) {
      const lower = (lost & -lost) - 1;
      removed.push(position + bitCount(word & lower));
    }
    position += bitCount(word);
  }
  for (const row of removed) compact.remove(row);
  for (const positions of before.batches(before.live, live.length)) before.copyTo(compact, positions);
  compact.ids.nextId = before.ids.nextId;
  return removed;
}

function bitCount(word: number): number {
  let x = word - ((word >>> 1) & 0x55555555);
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
  return Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
