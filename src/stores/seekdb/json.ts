import type { Metadata, MetadataScalar, MetadataValue } from '../types.js';
import { join, raw, type Sql, sql } from './sql.js';

/** What a reader without long arithmetic may get wrong: 16 digits with a point, 17 without, or a power of ten. */
const LONG_NUMBER = /\d[\d.]{16}|\de/;

/**
 * Metadata as an expression of SQL, which has them to the last bit. seekdb reads numbers in JSON by multiplying digits
 * with powers of ten: every tenth of random 64-bit floats gets another last bit, many of large ones do. SQL's own
 * numbers are read exactly.
 *
 * @param json the metadata as JSON, which is sent wherever it says the same
 */
export function jsonColumn(metadata: Metadata, json: string): Sql {
  return LONG_NUMBER.test(json) ? made(metadata) : sql`${json}`;
}

/** A value to compare JSON with. */
export function jsonLiteral(value: MetadataScalar | readonly MetadataScalar[]): Sql {
  const json = JSON.stringify(value);
  return sql`CAST(${typeof value !== 'string' && LONG_NUMBER.test(json) ? made(value) : json} AS JSON)`;
}

function made(value: Metadata | MetadataValue): Sql {
  if (typeof value === 'string') return sql`${value}`;
  if (typeof value === 'boolean') return raw(value ? 'TRUE' : 'FALSE');
  if (typeof value === 'number') return raw(numberText(value));
  if (isArray(value)) return sql`JSON_ARRAY(${join(value.map(made), ', ')})`;
  const fields = Object.entries(value).map(([field, content]) => sql`${field}, ${made(content)}`);
  return sql`JSON_OBJECT(${join(fields, ', ')})`;
}

/** With a power of ten it is a float for SQL, with a point only a decimal; integers of 64 bits are JSON's as well. */
function numberText(value: number): string {
  return Number.isInteger(value) && Math.abs(value) < 2 ** 63 ? String(value) : value.toExponential();
}

function isArray(value: Metadata | MetadataValue): value is readonly MetadataScalar[] {
  return Array.isArray(value);
}
