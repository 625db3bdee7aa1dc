import type { RunOutputs } from '../../runtime/session.js';
import type { LogitScale } from './protocol.js';

/** Texts as different as can be: the wider their cosines are apart, the better scale and bias are known. */
export const PROBE_TEXTS = [
  'a',
  'black',
  'nothing at all',
  'a photo of a cat',
  '1234567890',
  'Ω',
  '?',
  'the sea',
];

/**
 * What a joint graph multiplies cosines with, and adds, to get its logits: the weights are inside the graph, so
 * they are found from what it computes, by least squares.
 *
 * @param outputs of a run with {@link PROBE_TEXTS} and one picture or sound
 * @param names of the outputs: logits of the picture or sound, vectors of the texts, its vector
 * @param withBias whether the model has a bias (SigLIP)
 */
export function fitLogitScale(
  outputs: RunOutputs,
  names: readonly [logits: string, texts: string, other: string],
  withBias: boolean,
): LogitScale {
  const [logits, texts, image] = names.map((name) => outputs.values(name).data);
  const n = PROBE_TEXTS.length;
  const dims = image.length;
  const cosines = Array.from({ length: n }, (_, i) =>
    cosine(texts.subarray(i * dims, (i + 1) * dims), image),
  );
  const mean = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0) / n;
  const [x, y] = withBias ? [mean(cosines), mean(logits)] : [0, 0];
  let products = 0;
  let squares = 0;
  for (let i = 0; i < n; i++) {
    products += (cosines[i] - x) * (logits[i] - y);
    squares += (cosines[i] - x) ** 2;
  }
  const scale = products / squares;
  return { scale, bias: withBias ? y - scale * x : 0 };
}

function cosine(a: Float32Array, b: Float32Array): number {
  let [dot, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    dot += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return dot / Math.sqrt(aa * bb);
}
