import type { Matrix } from '../core/embeddings.js';
import { invalidArgument } from '../core/errors.js';
import { isTyped } from '../core/realms.js';

/** A vector of which only the dimensions in `indices` (ascending) are not zero. */
export interface SparseVector {
  indices: Uint32Array;
  values: Float32Array;
}

/** The `most` largest weights, ties by the lower index; indices stay ascending. */
export function largestWeights({ indices, values }: SparseVector, most: number): SparseVector {
  if (indices.length <= most) return { indices: indices.slice(), values: values.slice() };
  const order = Array.from(values.keys()).sort((a, b) => values[b] - values[a] || a - b);
  const kept = order.slice(0, most).sort((a, b) => a - b);
  return {
    indices: Uint32Array.from(kept, (i) => indices[i]),
    values: Float32Array.from(kept, (i) => values[i]),
  };
}

/** Sum of products over the indices that both have, in float64. */
export function sparseDot(a: SparseVector, b: SparseVector): number {
  let sum = 0;
  for (let i = 0, j = 0; i < a.indices.length && j < b.indices.length; ) {
    const difference = a.indices[i] - b.indices[j];
    if (difference === 0) sum += a.values[i++] * b.values[j++];
    else if (difference < 0) i++;
    else j++;
  }
  return sum;
}

/** A vector of the same direction and length 1; that of no length stays. */
export function unitVector(vector: SparseVector): SparseVector {
  const length = Math.sqrt(sparseDot(vector, vector));
  return length === 0 ? vector : { ...vector, values: vector.values.map((value) => value / length) };
}

/** {@link sparseDot} of every vector of `a` with every vector of `b`. */
export function sparseSimilarity(a: readonly SparseVector[], b: readonly SparseVector[]): Matrix {
  const data = new Float32Array(a.length * b.length);
  a.forEach((left, i) => {
    b.forEach((right, j) => {
      data[i * b.length + j] = sparseDot(left, right);
    });
  });
  return { data, rows: a.length, cols: b.length };
}

/** Checks a vector, or a list of them, and returns a list. */
export function sparseVectors(name: string, value: unknown): SparseVector[] {
  const list = Array.isArray(value) ? value : [value];
  for (const [i, vector] of list.entries()) {
    const { indices, values }: Partial<SparseVector> = vector ?? {};
    const typed = isTyped(indices, Uint32Array) && isTyped(values, Float32Array);
    const ascending = typed && indices.every((index, at) => at === 0 || index > indices[at - 1]);
    if (!ascending || indices.length !== values.length) {
      throw invalidArgument(
        Array.isArray(value) ? `${name}[${i}]` : name,
        'a sparse vector { indices, values } with ascending indices',
        vector,
      );
    }
  }
  return list as SparseVector[];
}
