import { type FileHandle, open } from 'node:fs/promises';
import { basename } from 'node:path';
import { EmbedlaneError } from '../core/errors.js';
import { widenBfloat16, widenFloat16 } from '../core/float16.js';
import { parseLargeJson } from '../core/large-json.js';

/** Bytes per element of the types that the format knows. */
const ELEMENT_BYTES = new Map([
  ...(['BOOL', 'U8', 'I8', 'F8_E4M3', 'F8_E5M2'] as const).map((dtype) => [dtype, 1] as const),
  ...(['U16', 'I16', 'F16', 'BF16'] as const).map((dtype) => [dtype, 2] as const),
  ...(['U32', 'I32', 'F32'] as const).map((dtype) => [dtype, 4] as const),
  ...(['U64', 'I64', 'F64'] as const).map((dtype) => [dtype, 8] as const),
] as [string, number][]);

/** The format's own bound on the size of a header. */
const MAX_HEADER = 100_000_000;

/** Texts, lists and objects in a header, seven a tensor: a hundred megabytes of brackets take five gigabytes. */
const MAX_HEADER_VALUES = 2 ** 22;

/** Where a tensor is in a file, checked against the file's size. */
export interface TensorEntry {
  dtype: string;
  shape: readonly number[];
  /** Position of the first byte in the file. */
  begin: number;
  bytes: number;
}

/** A file of named tensors. */
export interface TensorFile {
  readonly file: string;
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>;

  /**
   * Values of a tensor as 32-bit floats.
   *
   * @param shape what it must have
   * @throws {EmbedlaneError} `ERR_MODEL_INVALID` if there is no such tensor of floating-point values
   */
  floats(name: string, shape: readonly number[]): Promise<Float32Array>;
}

/**
 * A file of named tensors in the safetensors format: 8 bytes with the header's length, a JSON header, then the
 * values, little-endian and row-major.
 */
export class Safetensors implements TensorFile {
  readonly file: string;
  readonly tensors: ReadonlyMap<string, TensorEntry>;

  private constructor(file: string, tensors: ReadonlyMap<string, TensorEntry>) {
    this.file = file;
    this.tensors = tensors;
  }

  /**
   * Reads and checks the header: what it promises is in the file, without holes and overlaps.
   *
   * @throws {EmbedlaneError} `ERR_MODEL_INVALID` if the file is missing, cut short or malformed
   */
  static open(file: string): Promise<Safetensors> {
    return reading(file, async (handle) => {
      const { size } = await handle.stat();
      const prefix = await read(handle, file, 0, Math.min(8, size));
      const length = size < 8 ? Number.NaN : Number(prefix.readBigUInt64LE());
      if (!(length >= 2 && length <= Math.min(MAX_HEADER, size - 8))) {
        throw invalid(file, `a header within its ${size} bytes`, `one of ${length} bytes`);
      }
      const header = await parseHeader(file, await read(handle, file, 8, length));
      return new Safetensors(file, checkEntries(file, header, 8 + length, size));
    });
  }

  async floats(name: string, shape: readonly number[]): Promise<Float32Array> {
    const entry = this.tensors.get(name);
    const { file } = this;
    if (!entry) throw invalid(file, `a tensor '${name}'`, [...this.tensors.keys()].join(', ') || 'none');
    if (entry.shape.length !== shape.length || entry.shape.some((size, axis) => size !== shape[axis])) {
      throw invalid(file, `shape [${shape.join(', ')}] of '${name}'`, `[${entry.shape.join(', ')}]`);
    }
    const widen = WIDEN[entry.dtype];
    if (!widen) throw invalid(file, `floating-point values in '${name}'`, entry.dtype);
    const bytes = await reading(file, (handle) => read(handle, file, entry.begin, entry.bytes));
    return widen(bytes.buffer);
  }
}

/** 32-bit floats of the bytes of a floating-point type. */
export const WIDEN: Record<string, (buffer: ArrayBuffer) => Float32Array> = {
  F32: (buffer) => new Float32Array(buffer),
  F64: (buffer) => Float32Array.from(new Float64Array(buffer)),
  F16: (buffer) => widenFloat16(new Uint16Array(buffer)),
  BF16: (buffer) => widenBfloat16(new Uint16Array(buffer)),
};

async function parseHeader(file: string, bytes: Buffer): Promise<Record<string, unknown>> {
  let header: unknown;
  try {
    header = await parseLargeJson(bytes, JSON.parse, MAX_HEADER_VALUES);
  } catch (cause) {
    throw new EmbedlaneError('ERR_MODEL_INVALID', `Expected JSON in the header of ${file}`, { cause });
  }
  if (header === null || typeof header !== 'object' || Array.isArray(header)) {
    throw invalid(file, 'an object as header', JSON.stringify(header).slice(0, 60));
  }
  return header as Record<string, unknown>;
}

function checkEntries(
  file: string,
  header: Record<string, unknown>,
  start: number,
  size: number,
): Map<string, TensorEntry> {
  const tensors = new Map<string, TensorEntry>();
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    tensors.set(name, checkEntry(file, name, value, start));
  }
  let end = start;
  for (const entry of [...tensors.values()].sort((a, b) => a.begin - b.begin || a.bytes - b.bytes)) {
    if (entry.begin !== end) throw invalid(file, `tensors end to end`, `a gap or overlap at byte ${end}`);
    end = entry.begin + entry.bytes;
  }
  if (end !== size) throw invalid(file, `${end} bytes, as its header says,`, `${size}; it may be cut short`);
  return tensors;
}

function checkEntry(file: string, name: string, value: unknown, start: number): TensorEntry {
  const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>;
  const element = ELEMENT_BYTES.get(dtype as string);
  if (element === undefined) throw invalid(file, `a known dtype of '${name}'`, String(dtype));
  if (!isSizes(shape) || !isSizes(offsets) || offsets.length !== 2) {
    throw invalid(file, `a shape and two offsets of '${name}'`, JSON.stringify(value).slice(0, 100));
  }
  const bytes = shape.reduce((product, length) => product * length, element);
  if (offsets[1] - offsets[0] !== bytes) {
    throw invalid(file, `${bytes} bytes for '${name}'`, `${offsets[1] - offsets[0]}`);
  }
  return { dtype: dtype as string, shape, begin: start + offsets[0], bytes };
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

async function reading<T>(file: string, task: (handle: FileHandle) => Promise<T>): Promise<T> {
  let handle: FileHandle;
  try {
    handle = await open(file);
  } catch (cause) {
    throw new EmbedlaneError('ERR_MODEL_INVALID', `Expected a readable file of weights at ${file}`, {
      cause,
    });
  }
  try {
    return await task(handle);
  } finally {
    await handle.close();
  }
}

/** A buffer of its own memory, so that typed arrays may view it. */
async function read(
  handle: FileHandle,
  file: string,
  position: number,
  length: number,
): Promise<Buffer<ArrayBuffer>> {
  const bytes = Buffer.from(new ArrayBuffer(length));
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(bytes, done, length - done, position + done);
    if (bytesRead === 0) throw invalid(file, `${position + length} bytes`, `${position + done}`);
    done += bytesRead;
  }
  return bytes;
}

function invalid(file: string, expected: string, actual: string): EmbedlaneError {
  return new EmbedlaneError(
    'ERR_MODEL_INVALID',
    `Expected ${expected} in ${basename(file)} but received ${actual} (${file})`,
  );
}
