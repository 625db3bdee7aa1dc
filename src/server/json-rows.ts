import { Readable } from 'node:stream';
import type { Embeddings } from '../core/embeddings.js';
import type { SparseVector } from '../heads/index.js';
import { jsonFloats } from './json-floats.js';

/** Numbers written in one go: well under a millisecond. */
const NUMBERS_AT_A_TIME = 16_384;

/**
 * JSON with one item per row, as a string if it is small, else as a stream that lets the event loop turn between
 * its pieces: 2,048 rows of 384 numbers are 9 MB of text.
 *
 * @param head what comes before the first item
 * @param item JSON of one row
 * @param tail what comes after the last item
 */
export function jsonRows(
  head: string,
  embeddings: Embeddings,
  item: (row: Float32Array, index: number) => string,
  tail: string,
): string | Readable {
  const step = rowsAtATime(embeddings.dims);
  return jsonList(head, embeddings.rows, step, (index) => item(embeddings.row(index), index), tail);
}

/** Rows that are written in one go. */
export function rowsAtATime(dims: number): number {
  return Math.max(1, Math.floor(NUMBERS_AT_A_TIME / Math.max(1, dims)));
}

/** {@link jsonRows} for items of any kind, `step` of them in one go. */
export function jsonList(
  head: string,
  count: number,
  step: number,
  item: (index: number) => string,
  tail: string,
): string | Readable {
  const piece = (start: number): string => {
    let text = start === 0 ? head : '';
    for (let index = start; index < Math.min(count, start + step); index++) {
      text += (index === 0 ? '' : ',') + item(index);
    }
    return start + step >= count ? text + tail : text;
  };
  if (count <= step) return piece(0);
  return Readable.from(pieces(), { objectMode: false });

  async function* pieces(): AsyncGenerator<string> {
    for (let start = 0; start < count; start += step) {
      yield piece(start);
      await new Promise(setImmediate);
    }
  }
}

/** JSON of a list of matrices, piece by piece. */
export function jsonMatrices(matrices: readonly Embeddings[]): Readable {
  return Readable.from(pieces(), { objectMode: false });

  async function* pieces(): AsyncGenerator<string> {
    let separator = '[';
    for (const matrix of matrices) {
      const json = jsonRows(`${separator}[`, matrix, jsonFloats, ']');
      if (typeof json === 'string') yield json;
      else yield* json;
      separator = ',';
    }
    yield ']';
  }
}

/** A row as a JSON string: base64 of little-endian 32-bit floats. */
export function jsonBase64(row: Float32Array): string {
  return `"${Buffer.from(row.buffer, row.byteOffset, row.byteLength).toString('base64')}"`;
}

/** Sparse vectors that are written in one go: each has some hundred weights. */
export const SPARSE_AT_A_TIME = 16;

/** A sparse vector as a list of objects. */
export function jsonSparse({ indices, values }: SparseVector): string {
  return `[${Array.from(indices, (index, at) => `{"index":${index},"value":${values[at]}}`).join(',')}]`;
}
