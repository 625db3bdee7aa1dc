import { randomBytes } from 'node:crypto';
import { EmbedlaneError } from '../../core/errors.js';
import { loadBinding } from '../../native/load.js';

// What the files of an index have in common. docs/file-format.md describes all of it. Everything is little-endian;
// typed arrays are written as they lie in memory, because Node runs on little-endian machines only.

/** The latest version; what needs nothing of it is written as version 1, which older releases read. */
export const FORMAT_VERSION = 2;
export const ENDIAN_TAG = 0x01020304;

/** Names of the files in an index folder. */
export const MANIFEST = 'MANIFEST';
export const MANIFEST_TEMPORARY = 'MANIFEST.tmp';
export const LOCK = 'LOCK';
export const segmentName = (id: string) => `${id}.seg`;
export const logName = (id: string) => `${id}.log`;
const OWN_FILE = /^([0-9a-f]{16}\.(seg|log)|MANIFEST(\.tmp)?|LOCK)$/;
const DATA_FILE = /^[0-9a-f]{16}\.(seg|log)$/;

export const isOwnFile = (name: string) => OWN_FILE.test(name);
/** Files that only a manifest gives a meaning. */
export const isDataFile = (name: string) => DATA_FILE.test(name) || name === MANIFEST_TEMPORARY;

/** A name for a file that no other file has had. */
export function newId(): string {
  return randomBytes(8).toString('hex');
}

export const isId = (value: unknown): value is string =>
  typeof value === 'string' && /^[0-9a-f]{16}$/.test(value);

export function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}

export function crc32c(bytes: Uint8Array, previous = 0): number {
  return loadBinding().crc32c(bytes, previous);
}

export function corrupt(path: string, expected: string, actual: string): EmbedlaneError {
  return new EmbedlaneError('ERR_CORRUPT', `Expected ${expected} in ${path} but received ${actual}`);
}

export function wrongVersion(path: string, version: unknown): EmbedlaneError {
  return new EmbedlaneError(
    'ERR_VERSION',
    `Expected an index of version ${FORMAT_VERSION} at ${path} but received version ${version}; update embedlane`,
  );
}
