import { POOLING_MODES, type PoolingMode } from '../binding.js';
import { allocateFloats } from '../memory.js';
import { normalizeRows } from './kernels.js';

/** {@link NativeBinding.pool} in TypeScript: the same float64 sums in the same order, hence the same bits. */
export function pool(
  hidden: Float32Array,
  mask: Uint8Array,
  batch: number,
  sequence: number,
  dims: number,
  modes: readonly PoolingMode[],
  normalize: boolean,
  excludeLeading: Uint32Array | null,
): Float32Array {
  const parts = POOLING_MODES.filter((mode) => modes.includes(mode));
  const width = dims * parts.length;
  const out = allocateFloats(batch * width);
  for (let b = 0; b < batch; b++) {
    const tokens = hidden.subarray(b * sequence * dims, (b + 1) * sequence * dims);
    const rowMask = mask.subarray(b * sequence, (b + 1) * sequence);
    const counted = countedTokens(rowMask, excludeLeading?.[b] ?? 0);
    parts.forEach((mode, part) => {
      poolRow(
        tokens,
        rowMask,
        counted,
        dims,
        mode,
        out.subarray(b * width + part * dims, b * width + (part + 1) * dims),
      );
    });
  }
  if (normalize && width > 0) normalizeRows(out, width);
  return out;
}

/** Positions of the tokens that count: masked in, and not among the `exclude` first of those. */
function countedTokens(mask: Uint8Array, exclude: number): number[] {
  const positions: number[] = [];
  mask.forEach((value, position) => {
    if (value !== 0) positions.push(position);
  });
  return positions.slice(exclude);
}

function poolRow(
  tokens: Float32Array,
  mask: Uint8Array,
  counted: readonly number[],
  dims: number,
  mode: PoolingMode,
  out: Float32Array,
): void {
  switch (mode) {
    case 'cls':
      // Of an empty row, the first position: what the argmax of an all-zero mask gives.
      copyToken(tokens, counted[0] ?? 0, dims, out);
      return;
    case 'lasttoken':
      if (counted.length > 0) copyToken(tokens, counted[counted.length - 1], dims, out);
      return;
    case 'max':
      out.fill(-Infinity);
      for (const t of counted) {
        for (let i = 0; i < dims; i++) {
          const x = tokens[t * dims + i];
          if (x > out[i] || Number.isNaN(x)) out[i] = x;
        }
      }
      return;
    default: {
      // Weights count positions from the first masked-in token, a prompt that does not count included.
      const start = mask.findIndex((value) => value !== 0);
      const sums = new Float64Array(dims);
      let weights = 0;
      for (const t of counted) {
        const weight = mode === 'weightedmean' ? t - start + 1 : 1;
        weights += weight;
        for (let i = 0; i < dims; i++) sums[i] += weight * tokens[t * dims + i];
      }
      const total = Math.max(weights, 1e-9);
      const divisor = mode === 'mean_sqrt_len' ? Math.sqrt(total) : total;
      for (let i = 0; i < dims; i++) out[i] = sums[i] / divisor;
    }
  }
}

function copyToken(tokens: Float32Array, position: number, dims: number, out: Float32Array): void {
  out.set(tokens.subarray(position * dims, (position + 1) * dims));
}
