import { EmbedlaneError } from '../../core/errors.js';
import { parseLargeJson } from '../../core/large-json.js';
import type { OpenFile } from '../storage/files.js';
import { corrupt } from '../storage/format.js';
import type { FileMatrix } from './matrix-file.js';
import { readBytes } from './read-bytes.js';

// https://github.com/huggingface/safetensors: uint64 header length, JSON header, data.

/** As the reference implementation. */
const MAX_HEADER_BYTES = 100_000_000;
/** Texts, lists and objects in a header, seven a tensor: a hundred megabytes of brackets take five gigabytes. */
const MAX_HEADER_VALUES = 2 ** 22;
const KINDS = { F32: 'float32', F16: 'float16', BF16: 'bfloat16', F64: 'float64' } as const;
const BYTES = { F32: 4, F16: 2, BF16: 2, F64: 8 } as const;

/** Name of the tensor that we write. */
const TENSOR = 'embeddings';

export function safetensorsHeader(rows: number, dims: number): Buffer {
  const tensor = { dtype: 'F32', shape: [rows, dims], data_offsets: [0, rows * dims * 4] };
  const json = JSON.stringify({ [TENSOR]: tensor });
  // Padded so that the data begin at a multiple of 64.
  const padded = json.padEnd(Math.ceil((json.length + 8) / 64) * 64 - 8);
  const header = Buffer.alloc(8 + padded.length);
  header.writeBigUInt64LE(BigInt(padded.length));
  header.write(padded, 8, 'latin1');
  return header;
}

interface Tensor {
  dtype: keyof typeof KINDS;
  shape: [number, number];
  data_offsets: [number, number];
}

/**
 * Reads the header of a safetensors file and picks a tensor.
 *
 * @param name by default the only two-dimensional tensor of floats
 */
export async function openSafetensors(file: OpenFile, name: string | undefined): Promise<FileMatrix> {
  const { path } = file;
  const length = Number((await readBytes(file, 8, 0)).readBigUInt64LE(0));
  const size = await file.size();
  if (length > MAX_HEADER_BYTES || length > size - 8)
    throw corrupt(path, 'a safetensors header', 'another beginning');
  let header: Record<string, unknown>;
  try {
    const bytes = await readBytes(file, length, 8);
    header = (await parseLargeJson(bytes, JSON.parse, MAX_HEADER_VALUES)) as Record<string, unknown>;
  } catch (cause) {
    throw new EmbedlaneError('ERR_CORRUPT', `Expected a JSON header in ${path} but received something else`, {
      cause,
    });
  }
  const data = size - 8 - length;
  const found = Object.entries(header ?? {}).filter(([key, value]) => {
    return key !== '__metadata__' && (name === undefined || key === name) && isMatrix(value);
  });
  if (found.length !== 1) {
    const wanted = name === undefined ? 'one matrix of floats' : `a matrix of floats named '${name}'`;
    const names = Object.keys(header ?? {}).slice(0, 8);
    throw new EmbedlaneError(
      name === undefined ? 'ERR_DTYPE' : 'ERR_INVALID_ARG',
      `Expected ${wanted} in ${path} but received ${found.length} among ${names.join(', ') || 'nothing'}`,
    );
  }
  const { dtype, shape, data_offsets: offsets } = found[0][1] as Tensor;
  const [rows, dims] = shape;
  const [start, end] = offsets;
  const isNegative = Math.min(rows, dims, start) < 0;
  if (isNegative || end > data || end - start !== rows * dims * BYTES[dtype]) {
    throw corrupt(
      path,
      `${rows} × ${dims} values inside the file`,
      `offsets ${start} to ${end} of ${data} bytes`,
    );
  }
  return { kind: KINDS[dtype], rows, dims, offset: 8 + length + start, rowHead: 0 };
}

function isMatrix(value: unknown): boolean {
  const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Partial<Tensor>;
  const pair = (x: unknown) => Array.isArray(x) && x.length === 2 && x.every(Number.isSafeInteger);
  return pair(shape) && pair(offsets) && dtype !== undefined && Object.hasOwn(KINDS, dtype);
}
