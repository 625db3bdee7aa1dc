import { setImmediate } from 'node:timers/promises';
import type { VectorTable } from '../binding.js';
import { normalizeRows } from './kernels.js';

/** Values that are added before the event loop may turn. */
const TURN = 1_000_000;

/** {@link NativeBinding.bagMeans} in TypeScript: the same float32 sums in the same order, hence the same bits. */
export async function bagMeans(
  table: VectorTable,
  dims: number,
  ids: Uint32Array,
  ends: Uint32Array,
  normalize: boolean,
  kept: number,
  normalizeKept: boolean,
  out: Float32Array,
): Promise<void> {
  // Nothing here makes the other kind.
  const vectors = table as Float32Array;
  const width = normalize ? dims : kept;
  const mean = new Float32Array(width);
  let start = 0;
  let turn = 0;
  for (let bag = 0; bag < ends.length; bag++) {
    const end = ends[bag];
    mean.fill(0);
    for (let i = start; i < end; i++) {
      const row = ids[i] * dims;
      for (let d = 0; d < width; d++) mean[d] += vectors[row + d];
      turn += width;
      if (turn < TURN) continue;
      turn = 0;
      await setImmediate();
    }
    const divisor = Math.max(1, end - start);
    for (let d = 0; d < width; d++) mean[d] /= divisor;
    if (normalize) normalizeRows(mean, width);
    const row = out.subarray(bag * kept, (bag + 1) * kept);
    row.set(mean.subarray(0, kept));
    if (normalizeKept) normalizeRows(row, kept);
    start = end;
  }
}
