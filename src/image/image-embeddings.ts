import { Embeddings } from '../core/embeddings.js';
import type { EmbedlaneError } from '../core/errors.js';

/** A picture that was left out, and why. */
export interface SkippedImage {
  /** Its place among the pictures of the call. */
  readonly index: number;
  readonly error: EmbedlaneError;
}

/**
 * Embeddings of pictures: one row for each that could be read, in their order.
 *
 * @example
 * const e = await model.encode(files, { onError: 'skip' });
 * e.skipped.forEach(({ index, error }) => console.warn(files[index], error.message));
 * e.indices[0]; // which file row 0 is of
 */
export class ImageEmbeddings extends Embeddings {
  /** For each row, the index of its picture: 0, 1, 2, … unless pictures were skipped. */
  readonly indices: Uint32Array;
  /** Pictures without a row, in their order; only ever filled with `onError: 'skip'`. */
  readonly skipped: readonly SkippedImage[];

  constructor(data: Float32Array, dims: number, indices: Uint32Array, skipped: readonly SkippedImage[]) {
    super(data, indices.length, dims);
    this.indices = indices;
    this.skipped = skipped;
  }
}
