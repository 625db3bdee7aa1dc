import { type NativeBinding, POOLING_MODES, type PoolingMode } from '../../../native/binding.js';
import type { OutputVectors, TokenBatch } from '../../../runtime/session.js';

/**
 * Pools token vectors by one or more modes, side by side in the given order.
 *
 * @param excluded how many of the first tokens of each text do not count
 */
export function pool(
  binding: NativeBinding,
  modes: readonly PoolingMode[],
  { batch, sequence, mask }: TokenBatch,
  { data, dims }: OutputVectors,
  excluded: number,
): OutputVectors {
  const leading = excluded === 0 ? null : new Uint32Array(batch).fill(excluded);
  const by = (chosen: readonly PoolingMode[]) =>
    binding.pool(data, mask, batch, sequence, dims, chosen, false, leading);
  const rows = isCanonical(modes)
    ? by(modes)
    : interleave(
        modes.map((mode) => by([mode])),
        batch,
        dims,
      );
  return { data: rows, dims: dims * modes.length };
}

/** Whether modes are in the order in which the addon concatenates them, each at most once. */
function isCanonical(modes: readonly PoolingMode[]): boolean {
  const order = modes.map((mode) => POOLING_MODES.indexOf(mode));
  return order.every((place, i) => i === 0 || place > order[i - 1]);
}

/** Puts the matrices of several modes side by side. */
function interleave(parts: Float32Array[], rows: number, dims: number): Float32Array {
  const out = new Float32Array(rows * dims * parts.length);
  for (let row = 0; row < rows; row++) {
    parts.forEach((part, i) => {
      out.set(part.subarray(row * dims, (row + 1) * dims), (row * parts.length + i) * dims);
    });
  }
  return out;
}
