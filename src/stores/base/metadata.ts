import { EmbedlaneError, invalidArgument } from '../../core/errors.js';
import type { Metadata, MetadataScalar, MetadataValue } from '../types.js';

/** Longest name of a metadata field, in UTF-16 code units. */
const MAX_FIELD_NAME = 64;
const FIELD_NAME = /^[\p{L}\p{N}_][\p{L}\p{M}\p{N}_.\- ]*$/u;
/** Names that a plain JavaScript object cannot hold as data. */
const RESERVED = '__proto__';
/** Most fields of a record, and most elements of an array. */
const MAX_FIELDS = 1024;
const MAX_ELEMENTS = 4096;
const SCALAR = 'a string, a finite number or a boolean';

/** Of ES2024, which Node 20 has and TypeScript's ES2023 has not. */
type Unicode = string & { isWellFormed(): boolean };

/** Names that were right: records have the same ones again and again. */
const knownNames = new Set<string>();
const MAX_KNOWN = 1024;

/** Checks the name of a metadata field, so that no engine has to quote anything unusual. */
export function fieldName(name: string, value: unknown): string {
  if (knownNames.has(value as string)) return value as string;
  const fits = typeof value === 'string' && value.length <= MAX_FIELD_NAME && FIELD_NAME.test(value);
  if (fits && value !== RESERVED) {
    if (knownNames.size < MAX_KNOWN) knownNames.add(value);
    return value;
  }
  throw invalidArgument(
    name,
    `a field name (letters, digits, '_', '.', '-' and spaces, at most ${MAX_FIELD_NAME})`,
    value,
  );
}

/** Checks a text that every engine can keep: well-formed Unicode without U+0000. */
export function storableText(name: string, value: unknown): string {
  if (typeof value !== 'string') throw invalidArgument(name, 'a string', value);
  if (value.includes('\0') || !(value as Unicode).isWellFormed()) {
    throw invalidArgument(name, 'well-formed Unicode without U+0000', value);
  }
  return value;
}

/** Checks one value of metadata or of a filter (-0 becomes 0). */
export function metadataScalar(name: string, value: unknown): MetadataScalar {
  if (typeof value === 'string') return storableText(name, value);
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value + 0;
  throw invalidArgument(name, SCALAR, value);
}

/** Checks metadata and copies it, without the fields that are undefined. */
export function metadataArgument(name: string, value: unknown): Metadata {
  if (value === null || typeof value !== 'object' || Array.isArray(value) || ArrayBuffer.isView(value)) {
    throw invalidArgument(name, 'an object', value);
  }
  const fields = Object.keys(value);
  // What is in a Map would be lost without a word.
  if (fields.length === 0 && Object.prototype.toString.call(value) !== '[object Object]') {
    throw invalidArgument(name, 'an object of fields', value);
  }
  if (fields.length > MAX_FIELDS) {
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected at most ${MAX_FIELDS} fields for ${name} but received ${fields.length}`,
    );
  }
  const copy: Record<string, MetadataValue> = {};
  for (const field of fields) {
    const content = (value as Record<string, unknown>)[field];
    if (content === undefined) continue;
    fieldName(`a field of ${name}`, field);
    copy[field] = metadataValue(`${name}['${field}']`, content);
  }
  return copy;
}

function metadataValue(name: string, value: unknown): MetadataValue {
  if (!Array.isArray(value)) {
    if (value === null || typeof value === 'object') {
      throw invalidArgument(name, `${SCALAR}, or an array of those,`, value);
    }
    return metadataScalar(name, value);
  }
  if (value.length > MAX_ELEMENTS) {
    throw invalidArgument(name, `an array of at most ${MAX_ELEMENTS} values`, value);
  }
  return Array.from(value, (element, i) => metadataScalar(`${name}[${i}]`, element));
}
