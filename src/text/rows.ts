import { Embeddings } from '../core/embeddings.js';
import { EmbedlaneError } from '../core/errors.js';
import type { Loaded } from './lane/protocol.js';
import type { EncodePlan } from './options.js';

/** Where the rows of a job go, in whatever order they come. A row may come twice, with the same values. */
export interface RowSink<Result> {
  /** Where one row per text lies after the other, for whoever can compute them in place. */
  readonly matrix?: Float32Array<ArrayBuffer>;
  /**
   * @param rows of the text at `index`: one, or one per token; a view of memory that may be shared
   * @param tokens of the text, special ones included, after truncation
   */
  place(index: number, rows: Float32Array, tokens: number): void;
  finish(): Result;
}

/** The sink for what a call returns. */
export function sinkFor(
  texts: number,
  { output, truncateDim }: Pick<EncodePlan, 'output' | 'truncateDim'>,
  { dimensions, tokenDimensions = 0 }: Pick<Loaded, 'dimensions' | 'tokenDimensions'>,
): RowSink<Embeddings | Embeddings[]> {
  const width = output === 'sentence' ? dimensions : tokenDimensions;
  const dims = Math.min(truncateDim ?? width, width);
  return output === 'sentence' ? matrixSink(texts, dims) : raggedSink(texts, dims);
}

/** One row per text, in one matrix. */
export function matrixSink(texts: number, dims: number): RowSink<Embeddings> {
  const data = allocate(texts, dims);
  return {
    matrix: data,
    place: (index, row) => data.set(row, index * dims),
    finish: () => new Embeddings(data, texts, dims),
  };
}

/** Tells of each text's rows as they come, in memory that they share. */
export function eventSink(place: RowSink<void>['place']): RowSink<void> {
  return { place, finish: () => {} };
}

/** One matrix per text, with a row per token. */
export function raggedSink(texts: number, dims: number): RowSink<Embeddings[]> {
  const parts = new Array<Embeddings>(texts);
  return {
    place: (index, rows) => {
      parts[index] = new Embeddings(rows.slice(), rows.length / dims, dims);
    },
    finish: () => parts,
  };
}

function allocate(rows: number, dims: number): Float32Array<ArrayBuffer> {
  try {
    return new Float32Array(rows * dims);
  } catch (cause) {
    const message = `Expected texts whose result fits in memory but ${rows} × ${dims} floats do not; use encodeStream`;
    throw new EmbedlaneError('ERR_INVALID_ARG', message, { cause });
  }
}
