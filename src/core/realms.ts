// A value that is right may be of a class that is not ours: Jest, vm contexts and simulated browsers (jsdom) have globals of
// their own, in any mixture. `instanceof` says no to all of them.

import { types } from 'node:util';

type ArrayType<T> = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => T;

/** By its prototype, whose type says nothing of the memory. */
type Constructor<T> = (abstract new (...args: never) => unknown) & { readonly prototype: T };

const { get: kindOf } = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  Symbol.toStringTag,
) as { get(): string | undefined };

/** Whether `value` is a typed array of that type, of whatever realm. */
export function isTyped<T extends ArrayBufferView>(value: unknown, type: Constructor<T>): value is T {
  return value instanceof type || kindOf.call(value) === type.name;
}

/** The same memory as an array of this realm's type. */
export function ofThisRealm<T extends ArrayBufferView>(array: T, type: new (length: number) => T): T {
  if (array instanceof type) return array;
  const { buffer, byteOffset, length } = array as T & { length: number };
  return new (type as unknown as ArrayType<T>)(buffer, byteOffset, length);
}

/** Whether `value` is memory that is not shared, of whatever realm. */
export const isArrayBuffer: (value: unknown) => value is ArrayBuffer = types.isArrayBuffer;

/** Whether `value` is a URL, by what Node's own functions look at. */
export function isUrl(value: unknown): value is URL {
  return value instanceof URL || (has(value, 'href', 'string') && has(value, 'protocol', 'string'));
}

/** Whether `value` is a Blob or a File. */
export function isBlob(value: unknown): value is Blob {
  return value instanceof Blob || (has(value, 'arrayBuffer', 'function') && has(value, 'stream', 'function'));
}

/** Whether `value` can be asked whether it is aborted, and listened to. */
export function isSignal(value: unknown): value is AbortSignal {
  return (
    value instanceof AbortSignal ||
    (has(value, 'aborted', 'boolean') &&
      has(value, 'addEventListener', 'function') &&
      has(value, 'removeEventListener', 'function'))
  );
}

function has(value: unknown, property: string, type: string): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const found = typeof (value as Record<string, unknown>)[property];
  return found === type;
}

/** Lets the program end before a timer. In a simulated browser it is a number, and nothing is to be done. */
export function unref(timer: NodeJS.Timeout): void {
  timer.unref?.();
}
