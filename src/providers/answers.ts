import { describe } from '../core/errors.js';
import { RemoteError } from './remote-error.js';

/** A vector as a provider sends it, checked. */
export type Vector = ArrayLike<number>;

/** The error for an answer that is JSON but not what was asked for. */
export function badAnswer(provider: string, expected: string, actual: unknown): RemoteError {
  return new RemoteError(`Expected ${expected} from ${provider} but received ${describe(actual)}`);
}

/** `object[key]`, or undefined if there is no object. */
export function field(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}

/** A list of exactly `count` items. */
export function listOf(provider: string, what: string, value: unknown, count: number): unknown[] {
  if (!Array.isArray(value) || value.length !== count) {
    throw badAnswer(provider, `a list of ${count} ${what}`, value);
  }
  return value;
}

/**
 * Items put in the order of the texts by the index that each carries, which need not be the order of the answer.
 *
 * @param key where an item has its index
 */
export function inOrder(provider: string, items: readonly unknown[], key: string): unknown[] {
  const ordered = new Array<unknown>(items.length);
  const seen = new Set<number>();
  for (const item of items) {
    const index = field(item, key);
    if (typeof index !== 'number' || !Number.isInteger(index) || index < 0 || index >= items.length) {
      throw badAnswer(provider, `an index below ${items.length} as ${key}`, index);
    }
    if (seen.has(index)) throw badAnswer(provider, `each ${key} once`, index);
    seen.add(index);
    ordered[index] = item;
  }
  return ordered;
}

/** A vector of finite numbers from a JSON array, or from base64 of little-endian 32-bit floats. */
export function vector(provider: string, value: unknown): Vector {
  if (typeof value === 'string') return decodeBase64(provider, value);
  if (!Array.isArray(value) || value.length === 0) throw badAnswer(provider, 'a vector', value);
  // As float32, in which it will be kept: 1e300 is finite in JSON and infinite there.
  const wrong = value.findIndex(
    (number) => typeof number !== 'number' || !Number.isFinite(Math.fround(number)),
  );
  if (wrong >= 0) throw badAnswer(provider, `a finite 32-bit float as [${wrong}] of a vector`, value[wrong]);
  return value;
}

function decodeBase64(provider: string, text: string): Float32Array {
  const bytes = Buffer.from(text, 'base64');
  // Buffer skips what is not base64; the length tells whether there was any.
  const padded = Math.ceil(bytes.length / 3) * 4;
  if (
    bytes.length === 0 ||
    bytes.length % 4 !== 0 ||
    (text.length !== padded && text.replace(/=+$/, '').length !== Math.ceil((bytes.length * 4) / 3))
  ) {
    throw badAnswer(provider, 'base64 of 32-bit floats', text);
  }
  const out = new Float32Array(bytes.length / 4);
  for (let i = 0; i < out.length; i++) {
    out[i] = bytes.readFloatLE(4 * i);
    if (!Number.isFinite(out[i])) throw badAnswer(provider, 'a vector of finite 32-bit floats', out[i]);
  }
  return out;
}

/** The vectors of an OpenAI-shaped answer: `{ data: [{ index, embedding }] }`. */
export function openAIVectors(provider: string, answer: unknown, count: number): Vector[] {
  const items = listOf(provider, 'embeddings', field(answer, 'data'), count);
  return inOrder(provider, items, 'index').map((item) => vector(provider, field(item, 'embedding')));
}

/** A plain list of vectors in the order of the texts. */
export function plainVectors(provider: string, value: unknown, count: number): Vector[] {
  return listOf(provider, 'embeddings', value, count).map((item) => vector(provider, item));
}
