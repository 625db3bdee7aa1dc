import type { Embeddings } from '../../core/embeddings.js';
import type { Chunk } from '../../text/index.js';

/** Texts and their rows: one each, or one for each chunk. */
export interface EncodedTexts {
  texts: readonly string[];
  vectors: Embeddings;
  /** What each row is of, if not of the text in its place: a part of the text at index `text`. */
  chunks?: readonly { text: number; chunk: Chunk }[];
}

/** What formats with more than numbers in them say of each row. */
export interface RowLabels {
  /** Whether the text is there too. */
  text: boolean;
  /** Whether rows are of chunks, and have their places. */
  chunks: boolean;
}

/** How much has been written. */
export interface RowCounts {
  texts: number;
  rows: number;
  /** Width of the rows; 0 before the first. */
  dims: number;
}

/** Counts what is written. */
export class Written implements RowCounts {
  texts = 0;
  rows = 0;
  dims = 0;

  constructor(before: RowCounts | undefined) {
    Object.assign(this, before && { texts: before.texts, rows: before.rows, dims: before.dims });
  }

  add({ texts, vectors: { rows, dims } }: EncodedTexts): void {
    this.texts += texts.length;
    this.rows += rows;
    this.dims = dims;
  }
}
