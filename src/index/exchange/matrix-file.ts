import type { Embeddings } from '../../core/embeddings.js';

/** A matrix in a file: where it is and what of. */
export interface FileMatrix {
  kind: 'float32' | 'float16' | 'bfloat16' | 'float64';
  rows: number;
  dims: number;
  /** Where the first row begins. */
  offset: number;
  /** Bytes before the values of each row; they hold the row's length. */
  rowHead: number;
}

export const ELEMENT_BYTES = { float32: 4, float16: 2, bfloat16: 2, float64: 8 } as const;

export type VectorBatch = Embeddings<'float32' | 'float16' | 'bfloat16'>;
