import { integer } from '../core/validate.js';

/** One of the classes that a picture may show. */
export interface Classification {
  label: string;
  /** Probability, from 0 to 1. */
  score: number;
  /** The label's number: of the model's classes, or among the labels that were asked about. */
  index: number;
}

/** Probabilities from logits, in double precision and safe from overflow. */
export function softmax(logits: ArrayLike<number>): Float64Array {
  const values = Float64Array.from(logits);
  const most = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const exps = values.map((value) => Math.exp(value - most));
  const sum = exps.reduce((a, b) => a + b, 0);
  return exps.map((value) => value / sum);
}

/** The `topK` most probable labels, best first; ties by lowest index. */
export function ranked(
  probabilities: Float64Array,
  labels: readonly string[],
  topK: number,
): Classification[] {
  integer('topK', topK, 1, Number.MAX_SAFE_INTEGER);
  return Array.from(probabilities, (score, index) => ({
    label: labels[index] ?? String(index),
    score,
    index,
  }))
    .sort((a, b) => b.score - a.score || a.index - b.index)
    .slice(0, topK);
}
