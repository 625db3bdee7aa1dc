import { Embeddings } from '../../core/embeddings.js';

/** Questions in words, then questions by example: one row each. At least one of both is there. */
export function joinQuestions(words: Embeddings | undefined, examples: Embeddings | undefined): Embeddings {
  if (!words || !examples) return (words ?? examples) as Embeddings;
  const data = new Float32Array((words.rows + examples.rows) * words.dims);
  data.set(words.data as Float32Array);
  data.set(examples.data as Float32Array, words.rows * words.dims);
  return new Embeddings(data, words.rows + examples.rows, words.dims);
}
