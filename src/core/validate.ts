import { AsyncResource } from 'node:async_hooks';
import { defaultMaxListeners, getMaxListeners, setMaxListeners } from 'node:events';
import { EmbedlaneError, invalidArgument } from './errors.js';
import { isArrayBuffer, isSignal, isTyped, isUrl, ofThisRealm } from './realms.js';

const SIGNAL_LISTENERS = 100_000;

/** Checks that `value` is an integer in `[min, max]` and returns it. */
export function integer(name: string, value: unknown, min: number, max: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw invalidArgument(name, `an integer between ${min} and ${max}`, value);
  }
  return value;
}

/** Checks that `value` is `undefined` or an integer in `[min, max]`. */
export function optionalInteger(name: string, value: unknown, min: number, max: number): number | undefined {
  return value === undefined ? undefined : integer(name, value, min, max);
}

/** Checks that `value` is a number other than NaN and ±Infinity and returns it. */
export function finiteNumber(name: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    throw invalidArgument(name, 'a finite number', value);
  }
  return value;
}

/** Checks that `value` is one of `allowed` and returns it. */
export function oneOf<const T extends string>(name: string, value: unknown, allowed: readonly T[]): T {
  if (typeof value !== 'string' || !(allowed as readonly string[]).includes(value)) {
    throw invalidArgument(name, `one of ${allowed.map((item) => `'${item}'`).join(', ')}`, value);
  }
  return value as T;
}

/** Checks that `value` is a string or a URL and returns it as a string. Messages do not quote it: it may hold a password. */
export function urlText(name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  if (isUrl(value)) return value.href;
  throw invalidArgument(name, 'a string or a URL', value);
}

/** Checks that `value` is `undefined` or a boolean. */
export function optionalBoolean(name: string, value: unknown): boolean | undefined {
  if (value !== undefined && typeof value !== 'boolean') throw invalidArgument(name, 'a boolean', value);
  return value;
}

/** Checks that `value` is `undefined` or a string. */
export function optionalString(name: string, value: unknown): string | undefined {
  if (value !== undefined && typeof value !== 'string') throw invalidArgument(name, 'a string', value);
  return value;
}

/**
 * Checks that `value` is `undefined` or a function, and returns it as one that sees the `AsyncLocalStorage` of this moment:
 * reports come inside message handlers, which belong to nobody's request.
 */
export function optionalFunction<T extends (...args: never[]) => unknown>(
  name: string,
  value: T | undefined,
): T | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'function') throw invalidArgument(name, 'a function', value);
  return AsyncResource.bind(value as unknown as () => unknown) as unknown as T;
}

/** Checks that `value` is `undefined` or an `AbortSignal`. */
export function optionalSignal(name: string, value: unknown): AbortSignal | undefined {
  if (value === undefined) return undefined;
  if (!isSignal(value)) throw invalidArgument(name, 'an AbortSignal', value);
  allowListeners(value);
  return value;
}

/** One signal that many calls share has a listener of each while they last: no leak to warn of. Node's fetch does the same. */
function allowListeners(signal: AbortSignal): void {
  try {
    if (getMaxListeners(signal) === defaultMaxListeners) setMaxListeners(SIGNAL_LISTENERS, signal);
  } catch {
    // It is not Node's own, which alone warns.
  }
}

/** Checks that `value` is an object of options, whatever its keys. */
export function requireOptions(name: string, value: unknown): void {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw invalidArgument(name, 'an options object', value);
  }
}

/**
 * Checks that `value` is `undefined` or an object whose keys are all in `known`, so that a misspelled option
 * is an error that names the right one and not a silently ignored wish.
 */
export function optionsObject<T extends object>(
  name: string,
  value: T | undefined,
  known: readonly (keyof T & string)[],
): Partial<T> {
  if (value === undefined) return {};
  requireOptions(name, value);
  for (const key of Object.keys(value)) {
    if ((known as readonly string[]).includes(key)) continue;
    const close = known.find((option) => editDistance(option.toLowerCase(), key.toLowerCase()) <= 2);
    const hint = close ? `did you mean '${close}'?` : `known options: ${known.join(', ')}`;
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected a known option for ${name} but received '${key}'; ${hint}`,
    );
  }
  return value;
}

/** Levenshtein distance (Wagner–Fischer, two rows). */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(previous[j] + 1, current[j - 1] + 1, substitution));
    }
    previous = current;
  }
  return previous[b.length];
}

/** Checks a text or a list of texts and returns a list of the caller's texts that later changes cannot reach. */
export function textList(name: string, value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (!Array.isArray(value)) throw invalidArgument(name, 'a string or an array of strings', value);
  const texts = value.slice();
  for (let i = 0; i < texts.length; i++) {
    if (typeof texts[i] !== 'string') throw invalidArgument(`${name}[${i}]`, 'a string', texts[i]);
  }
  return texts;
}

/** Checks that `value` is a `Float32Array` over usable memory, see {@link typedArray}. */
export function float32Array(name: string, value: unknown): Float32Array<ArrayBuffer> {
  return typedArray<Float32Array<ArrayBuffer>>(name, value, Float32Array);
}

/**
 * Checks that `value` is a typed array of the given type over usable memory and returns it, as one of this realm.
 *
 * Views with any `byteOffset` are fine. Refused, because native threads may still read the memory after the
 * call returned: shared memory, resizable buffers and detached buffers.
 *
 * @param options.fixedLength false if everything is read before the call returns, so that resizable buffers are fine
 * @throws {EmbedlaneError} `ERR_DTYPE` for another type of array, `ERR_INVALID_ARG` for the rest.
 */
export function typedArray<T extends ArrayBufferView>(
  name: string,
  value: unknown,
  type: new (length: number) => T,
  { fixedLength = true } = {},
): T {
  if (!isTyped(value, type)) {
    const code = ArrayBuffer.isView(value) ? 'ERR_DTYPE' : 'ERR_INVALID_ARG';
    const article = type.name.startsWith('I') ? 'an' : 'a';
    throw invalidArgument(name, `${article} ${type.name}`, value, code);
  }
  const buffer: unknown = value.buffer;
  if (!isArrayBuffer(buffer)) {
    throw invalidArgument(name, 'memory that is not shared', buffer);
  }
  // Node 20's typings lack `resizable`; the runtime has it.
  if (fixedLength && (buffer as { resizable?: boolean }).resizable) {
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected a fixed-length ArrayBuffer for ${name} but received a resizable one`,
    );
  }
  if (isDetached(value)) {
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected live memory for ${name} but received a detached ArrayBuffer`,
    );
  }
  return ofThisRealm(value, type);
}

/** True for a view whose ArrayBuffer was transferred away. An empty buffer of its own is not detached. */
function isDetached(view: ArrayBufferView): boolean {
  if (view.byteLength > 0) return false;
  const { buffer } = view;
  if ('detached' in buffer) return (buffer as { detached: boolean }).detached;
  if (buffer.byteLength > 0) return false;
  try {
    new Uint8Array(buffer as ArrayBuffer);
    return false;
  } catch {
    return true;
  }
}
