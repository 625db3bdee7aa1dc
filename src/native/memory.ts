import { EmbedlaneError } from '../core/errors.js';
import type { TopKArrays } from './binding.js';

/** Room for `length` floats, or an error that can be caught. */
export function allocateFloats(length: number): Float32Array<ArrayBuffer> {
  return allocate(length, () => new Float32Array(length));
}

/** Room for `length` values of a type, or an error that can be caught. */
export function allocateArray<T>(type: new (length: number) => T, length: number): T {
  return allocate(length, () => new type(length));
}

/** Room for the results of a search. */
export function allocateTopK(length: number): TopKArrays {
  return allocate(length, () => ({ indices: new Uint32Array(length), scores: new Float32Array(length) }));
}

/** Room for `length` numbers of 8, 16 or 32 bits, or an error that can be caught. */
export function allocateWords<T extends Uint8Array | Uint16Array | Uint32Array>(
  Type: new (length: number) => T,
  length: number,
): T {
  return allocate(length, () => new Type(length));
}

function allocate<T>(length: number, create: () => T): T {
  try {
    return create();
  } catch (cause) {
    throw new EmbedlaneError('ERR_RUNTIME', `A result of ${length} values does not fit memory`, { cause });
  }
}
