import { AtomicFile } from '../../core/atomic-file.js';
import type { MatrixLike } from '../../core/embeddings.js';
import { oneOf, optionsObject } from '../../core/validate.js';
import { matrixArgument } from '../../vectors/matrix.js';
import { FlatIndex } from '../flat-index.js';
import { fileArgument, formatOf, VECTOR_FILE_FORMATS, type VectorFileFormat } from './format.js';
import { FVECS_HEAD } from './fvecs.js';
import { npyHeader } from './npy.js';
import { safetensorsHeader } from './safetensors.js';

export interface WriteVectorsOptions {
  /** By default what the file's name ends with. */
  format?: VectorFileFormat;
}

/** Rows of a matrix that are written at a time. */
const BATCH_ROWS = 1024;

/**
 * Writes the vectors of an index, in its order, or of a matrix as float32 into a `.npy`, `.fvecs` or `.safetensors`
 * file, which appears when it is complete. The ids of an index stay with it: see `ids()`.
 *
 * @throws {EmbedlaneError} `ERR_IO`, `ERR_INVALID_ARG`, `ERR_DTYPE`, `ERR_DIMENSION`
 */
export async function writeVectors(
  source: FlatIndex | MatrixLike,
  path: string,
  options?: WriteVectorsOptions,
): Promise<void> {
  const known = optionsObject('options', options, ['format']);
  const name = fileArgument(path);
  const format = oneOf('options.format', known.format ?? formatOf(name), VECTOR_FILE_FORMATS);
  if (source instanceof FlatIndex) {
    const { size, dims } = source;
    return source.withValues((batches) => writeBatches(name, format, size, dims, batches));
  }
  const { data, rows, dims } = matrixArgument('source', source);
  return writeBatches(name, format, rows, dims, slices(data, dims));
}

async function writeBatches(
  path: string,
  format: VectorFileFormat,
  rows: number,
  dims: number,
  batches: Iterable<Float32Array>,
): Promise<void> {
  const file = await AtomicFile.create(path);
  try {
    if (format === 'npy') await file.append(npyHeader(rows, dims));
    if (format === 'safetensors') await file.append(safetensorsHeader(rows, dims));
    for (const data of batches) await file.append(format === 'fvecs' ? withHeads(data, dims) : bytesOf(data));
    await file.commit();
  } catch (error) {
    await file.discard();
    throw error;
  }
}

function* slices(data: Float32Array, dims: number): Generator<Float32Array> {
  const step = BATCH_ROWS * dims;
  for (let at = 0; at < data.length; at += step) yield data.subarray(at, at + step);
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function withHeads(data: Float32Array, dims: number): Uint8Array {
  const rows = data.length / dims;
  const bytes = Buffer.alloc(rows * (FVECS_HEAD + dims * 4));
  for (let row = 0; row < rows; row++) {
    const start = row * (FVECS_HEAD + dims * 4);
    bytes.writeInt32LE(dims, start);
    bytes.set(bytesOf(data.subarray(row * dims, (row + 1) * dims)), start + FVECS_HEAD);
  }
  return bytes;
}
