import { Embeddings, type Precision, type PrecisionData } from '../../core/embeddings.js';

/** A part of a text. */
export interface Chunk {
  /** `text.slice(start, end)` of the whole text. */
  readonly text: string;
  /** In UTF-16 units, as JavaScript counts. */
  readonly start: number;
  readonly end: number;
  /** Tokens of the chunk's text, special tokens included. */
  readonly tokens: number;
}

/** The vectors of one text's chunks: row `i` is that of `chunks[i]`. */
export class ChunkEmbeddings<P extends Precision = 'float32'> extends Embeddings<P> {
  readonly chunks: readonly Chunk[];

  constructor(data: PrecisionData[P], chunks: readonly Chunk[], dims: number, precision?: P) {
    super(data, chunks.length, dims, precision);
    this.chunks = chunks;
  }
}
