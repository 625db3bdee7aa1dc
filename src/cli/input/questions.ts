import { concatFloats } from '../../core/concat.js';
import { Embeddings } from '../../core/embeddings.js';

/** Questions in words, then questions by example: one row each. At least one of both is there. */
export function joinQuestions(words: Embeddings | undefined, examples: Embeddings | undefined): Embeddings {
  if (!words || !examples) return (words ?? examples) as Embeddings;
  const data = concatFloats([words.data as Float32Array, examples.data as Float32Array]);
  return new Embeddings(data, words.rows + examples.rows, words.dims);
}
