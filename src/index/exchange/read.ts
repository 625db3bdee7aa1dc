import { Embeddings } from '../../core/embeddings.js';
import { oneOf, optionalString, optionsObject } from '../../core/validate.js';
import { files, type OpenFile } from '../storage/files.js';
import { corrupt } from '../storage/format.js';
import { fileArgument, formatOf, VECTOR_FILE_FORMATS, type VectorFileFormat } from './format.js';
import { openFvecs } from './fvecs.js';
import { ELEMENT_BYTES, type FileMatrix, type VectorBatch } from './matrix-file.js';
import { openNpy } from './npy.js';
import { readBytes } from './read-bytes.js';
import { openSafetensors } from './safetensors.js';

export interface ReadVectorsOptions {
  /** By default what the file's name ends with. */
  format?: VectorFileFormat;
  /** Which tensor of a safetensors file; by default the only matrix of floats. */
  tensor?: string;
}

/** Bytes of rows that are read at a time. */
const READ_BYTES = 4 * 2 ** 20;
const MAX_DIMS = 2 ** 24;

/**
 * Reads the vectors of a `.npy`, `.fvecs` or `.safetensors` file in batches of a few megabytes, so that a file may be
 * larger than memory. float32 and 16-bit floats come as they are, float64 rounded to float32.
 *
 * @example
 * for await (const batch of readVectors('vectors.npy')) index.add(batch);
 *
 * @throws {EmbedlaneError} `ERR_IO`, `ERR_CORRUPT` if lengths do not fit each other, `ERR_DTYPE` for an array of
 * something else, `ERR_INVALID_ARG`
 */
export async function* readVectors(path: string, options?: ReadVectorsOptions): AsyncGenerator<VectorBatch> {
  const known = optionsObject('options', options, ['format', 'tensor']);
  const name = fileArgument(path);
  const format = oneOf('options.format', known.format ?? formatOf(name), VECTOR_FILE_FORMATS);
  const tensor = optionalString('options.tensor', known.tensor);
  const file = await files().open(name, 'r');
  try {
    const matrix = await open(file, format, tensor);
    const rowBytes = matrix.rowHead + matrix.dims * ELEMENT_BYTES[matrix.kind];
    const size = await file.size();
    const fits = matrix.dims <= MAX_DIMS && Number.isSafeInteger(matrix.rows * rowBytes);
    // Only a safetensors file may have something behind.
    const end = matrix.offset + matrix.rows * rowBytes;
    if (!fits || (format === 'safetensors' ? end > size : end !== size)) {
      throw corrupt(name, `${matrix.rows} × ${matrix.dims} values`, `${size} bytes`);
    }
    const step = Math.max(1, Math.floor(READ_BYTES / Math.max(1, rowBytes)));
    for (let row = 0; row < matrix.rows && matrix.dims > 0; row += step) {
      const count = Math.min(step, matrix.rows - row);
      const bytes = await readBytes(file, count * rowBytes, matrix.offset + row * rowBytes);
      yield toBatch(name, matrix, count, bytes);
    }
  } finally {
    await file.close();
  }
}

function open(file: OpenFile, format: VectorFileFormat, tensor: string | undefined): Promise<FileMatrix> {
  if (format === 'npy') return openNpy(file);
  if (format === 'fvecs') return openFvecs(file);
  return openSafetensors(file, tensor);
}

function toBatch(
  path: string,
  { kind, dims, rowHead }: FileMatrix,
  rows: number,
  bytes: Buffer<ArrayBuffer>,
): VectorBatch {
  const width = dims * ELEMENT_BYTES[kind];
  // Copied, because a pooled buffer need not begin at a multiple of an element.
  const values = new Uint8Array(rows * width);
  for (let row = 0; row < rows; row++) {
    const start = row * (rowHead + width);
    if (rowHead > 0 && bytes.readInt32LE(start) !== dims) {
      throw corrupt(path, `rows of ${dims} values`, `one of ${bytes.readInt32LE(start)}`);
    }
    values.set(bytes.subarray(start + rowHead, start + rowHead + width), row * width);
  }
  const { buffer } = values;
  if (kind === 'float32') return new Embeddings(new Float32Array(buffer), rows, dims);
  if (kind === 'float64') return new Embeddings(Float32Array.from(new Float64Array(buffer)), rows, dims);
  return new Embeddings(new Uint16Array(buffer), rows, dims, kind as 'float16');
}
