import { type FileHandle, open } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { EmbedlaneError, invalidArgument } from '../core/errors.js';
import { widenBfloat16, widenFloat16 } from '../core/float16.js';
import { Safetensors, type TensorEntry } from '../hub/safetensors.js';
import type { VectorTable } from '../native/binding.js';
import { loadBinding } from '../native/load.js';
import { allocateFloats } from '../native/memory.js';

/** One vector per token id, row-major. */
export interface EmbeddingTable {
  data: VectorTable;
  rows: number;
  dims: number;
}

/** How a table is had: read into memory, or mapped from its file. */
export const TABLE_MODES = ['memory', 'mmap'] as const;
export type TableMode = (typeof TABLE_MODES)[number];

/** One that was read. */
interface ReadTable extends EmbeddingTable {
  data: Float32Array<ArrayBuffer>;
}

/** Bytes that are read and converted before the event loop turns: a millisecond or two. */
const PIECE = 4 * 1024 * 1024;

/** Conversion of each type to numbers that float32 holds as well as the libraries' own arithmetic does. */
const NUMBERS: Record<string, (bytes: ArrayBuffer) => ArrayLike<number>> = {
  F64: (bytes) => new Float64Array(bytes),
  F32: (bytes) => new Float32Array(bytes),
  F16: (bytes) => widenFloat16(new Uint16Array(bytes)),
  BF16: (bytes) => widenBfloat16(new Uint16Array(bytes)),
  I8: (bytes) => new Int8Array(bytes),
  U8: (bytes) => new Uint8Array(bytes),
  I16: (bytes) => new Int16Array(bytes),
  I32: (bytes) => new Int32Array(bytes),
  U32: (bytes) => new Uint32Array(bytes),
  I64: (bytes) => Float64Array.from(new BigInt64Array(bytes), Number),
};

/**
 * Reads the vectors of a static model: `embedding.weight` (sentence-transformers), or `embeddings` (model2vec)
 * with `mapping` (row of each token) and `weights` (factor of each token) folded in where there are any.
 *
 * @throws {EmbedlaneError} `ERR_MODEL_INVALID` if the file is missing, cut short, without these tensors, or has
 *   values that are not finite, which nobody looks for where it is mapped; `ERR_INVALID_ARG` if it cannot be mapped
 */
export async function readTable(file: string, mode: TableMode): Promise<EmbeddingTable> {
  const { tensors } = await Safetensors.open(file);
  const name = tensors.has('embedding.weight') ? 'embedding.weight' : 'embeddings';
  const entry = tensors.get(name);
  if (entry?.shape.length !== 2 || entry.shape[1] === 0) {
    const present = [...tensors].map(([key, { shape }]) => `${key} [${shape.join(', ')}]`).join('; ');
    throw invalid(file, "a matrix 'embedding.weight' or 'embeddings'", present || 'no tensors');
  }
  const [rows, dims] = entry.shape;
  const { mapTable } = loadBinding();
  if (mode === 'mmap' && mapTable) {
    const converted = name === 'embeddings' && (tensors.has('mapping') || tensors.has('weights'));
    if (entry.dtype !== 'F32' || entry.begin % 4 !== 0 || converted) {
      const found = converted ? 'one with a mapping or weights' : `${entry.dtype} at byte ${entry.begin}`;
      const memory = `'memory', since only a plain float32 table can be mapped and this is ${found},`;
      throw invalidArgument('mode', memory, mode);
    }
    return { data: mapTable(file, entry.begin, rows * dims), rows, dims };
  }
  const handle = await open(file);
  try {
    const table = { data: await readFloats(handle, file, name, entry), rows, dims };
    if (name === 'embedding.weight') return table;
    const [mapping, weights] = await Promise.all(
      ['mapping', 'weights'].map((extra) => readVector(handle, file, extra, tensors.get(extra))),
    );
    return mapping || weights ? await fold(file, table, mapping, weights) : table;
  } finally {
    await handle.close();
  }
}

async function readVector(
  handle: FileHandle,
  file: string,
  name: string,
  entry: TensorEntry | undefined,
): Promise<Float32Array | undefined> {
  if (!entry) return undefined;
  if (entry.shape.length !== 1)
    throw invalid(file, `one value per token in '${name}'`, `[${entry.shape.join(', ')}]`);
  return readFloats(handle, file, name, entry);
}

async function readFloats(
  handle: FileHandle,
  file: string,
  name: string,
  { dtype, shape, begin, bytes }: TensorEntry,
): Promise<Float32Array<ArrayBuffer>> {
  const numbers = NUMBERS[dtype];
  if (!numbers) throw invalid(file, `numbers in '${name}'`, dtype);
  const out = allocateFloats(shape.reduce((product, size) => product * size, 1));
  loadBinding().preferLargePages(out);
  for (let done = 0, next = 0; done < bytes; ) {
    const piece = Buffer.from(new ArrayBuffer(Math.min(PIECE, bytes - done)));
    await fill(handle, file, piece, begin + done);
    const values = numbers(piece.buffer);
    requireFinite(file, name, values);
    out.set(values, next);
    done += piece.length;
    next += values.length;
  }
  return out;
}

/** Reads until `piece` is full: one call may read less. */
async function fill(handle: FileHandle, file: string, piece: Buffer, position: number): Promise<void> {
  for (let done = 0; done < piece.length; ) {
    const { bytesRead } = await handle.read(piece, done, piece.length - done, position + done);
    if (bytesRead === 0) throw invalid(file, 'all that its header names', 'less; it was cut short meanwhile');
    done += bytesRead;
  }
}

/** x · 0 is 0 for finite x and NaN for the rest, which makes the sum NaN. */
function requireFinite(file: string, name: string, values: ArrayLike<number>): void {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] * 0;
  if (sum !== 0) throw invalid(file, `finite values in '${name}'`, 'NaN or infinity');
}

async function fold(
  file: string,
  { data, rows, dims }: ReadTable,
  mapping: Float32Array | undefined,
  weights: Float32Array | undefined,
): Promise<ReadTable> {
  const tokens = mapping?.length ?? rows;
  if (weights && weights.length !== tokens) {
    throw invalid(file, `${tokens} values in 'weights', one per token,`, `${weights.length}`);
  }
  const out = allocateFloats(tokens * dims);
  loadBinding().preferLargePages(out);
  for (let token = 0; token < tokens; token++) {
    const row = mapping ? mapping[token] : token;
    if (!(row >= 0 && row < rows && Number.isInteger(row)))
      throw invalid(file, `rows below ${rows} in 'mapping'`, `${row}`);
    const weight = weights ? weights[token] : 1;
    for (let d = 0; d < dims; d++) out[token * dims + d] = data[row * dims + d] * weight;
    if ((token * dims) % PIECE < dims) await setImmediate();
  }
  return { data: out, rows: tokens, dims };
}

function invalid(file: string, expected: string, actual: string): EmbedlaneError {
  return new EmbedlaneError('ERR_MODEL_INVALID', `Expected ${expected} in ${file} but received ${actual}`);
}
