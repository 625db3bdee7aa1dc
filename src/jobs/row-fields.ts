import { invalidArgument } from '../core/errors.js';
import { fieldOf, withoutBigInts } from '../files/field.js';
import type { Metadata } from '../stores/index.js';
import type { JobSpec } from './types.js';

/** What a row says of itself. */
interface RowFields {
  /** Undefined if none of its fields is its id. */
  id: string | undefined;
  text: string;
  /** The fields that it has. */
  metadata: Metadata;
}

/**
 * Reads the fields of a row, be it a line of JSON or a row of Parquet.
 *
 * @param place where the row is, for messages
 * @throws {EmbedlaneError} `ERR_INVALID_ARG` if its text is no string, or its id neither a string nor an integer
 */
export function readFields(raw: unknown, fields: JobSpec['fields'], place: string): RowFields {
  const text = fieldOf(raw, fields.text);
  if (typeof text !== 'string') throw invalidArgument(`field '${fields.text}' at ${place}`, 'a string', text);
  const found = fields.metadata.map((name) => [name, withoutBigInts(fieldOf(raw, name))]);
  return {
    id: fields.id === undefined ? undefined : ownId(fieldOf(raw, fields.id), fields.id, place),
    text,
    metadata: Object.fromEntries(found.filter(([, value]) => value !== undefined && value !== null)),
  };
}

function ownId(value: unknown, field: string, place: string): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) return String(value);
  throw invalidArgument(`field '${field}' at ${place}`, 'a string or an integer', value);
}
