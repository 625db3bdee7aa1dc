import type { MatrixLike } from '../core/embeddings.js';
import { Embeddings } from '../core/embeddings.js';
import { EmbedlaneError } from '../core/errors.js';
import { float32Array, optionsObject, typedArray } from '../core/validate.js';
import { loadBinding } from '../native/load.js';
import { allocateArray, allocateFloats } from '../native/memory.js';
import { embeddingsArgument, matrixArgument } from './matrix.js';
import { notFinite } from './quantize.js';

/** Rows of signed codes, each with a scale: a value is about its code times its row's scale. */
export interface ScaledEmbeddings {
  /** Codes in ±127. */
  embeddings: Embeddings<'int8'>;
  /** One per row. */
  scales: Float32Array;
}

/**
 * Quantises each row on its own, without ranges: its largest absolute value becomes ±127. The error of a value is at
 * most half of its row's scale. Works on the calling thread.
 *
 * @throws {EmbedlaneError} as {@link quantize}
 */
export function quantizeScaled(embeddings: MatrixLike): ScaledEmbeddings {
  const { data, rows, dims } = matrixArgument('embeddings', embeddings);
  const codes = allocateArray(Int8Array, rows * dims);
  const scales = allocateFloats(rows);
  const row = rows === 0 ? -1 : loadBinding().quantizeScaled(data, dims, codes, scales);
  if (row !== -1) throw notFinite('embeddings', row);
  return { embeddings: new Embeddings(codes, rows, dims, 'int8'), scales };
}

/** The floats that {@link quantizeScaled} made codes of: each code times its row's scale, rounded to float32. */
export function dequantizeScaled(scaled: ScaledEmbeddings): Embeddings {
  const { embeddings, scales } = optionsObject('scaled', scaled, ['embeddings', 'scales']);
  const { rows, dims, ...matrix } = embeddingsArgument('embeddings', embeddings as Embeddings<'int8'>);
  const data = typedArray('embeddings.data', matrix.data, Int8Array);
  const factors = float32Array('scales', scales);
  if (factors.length !== rows) {
    throw new EmbedlaneError(
      'ERR_DIMENSION',
      `Expected ${rows} values, one per row, for scales but received ${factors.length}`,
    );
  }
  const out = allocateFloats(rows * dims);
  if (rows > 0) loadBinding().dequantizeScaled(data, dims, factors, out);
  return new Embeddings(out, rows, dims);
}
