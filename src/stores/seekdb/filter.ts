import type { Ordering } from '../filter/expression.js';
import type { FilterTranslator } from '../filter/translate.js';
import { jsonLiteral } from './json.js';
import { join, raw, type Sql, sql } from './sql.js';

/**
 * Conditions on the JSON column. Values are compared as JSON: types tell them apart, and strings are compared byte for
 * byte, which collations of text do not do. COALESCE makes false what is unknown because the field is not there.
 */
export const SEEKDB_FILTER: FilterTranslator<Sql> = {
  eq: (field, value) => sql`COALESCE(${extract(field)} = ${jsonLiteral(value)}, FALSE)`,
  in: (field, values) => {
    const isIn = sql`JSON_CONTAINS(${jsonLiteral(values)}, ${extract(field)})`;
    return sql`COALESCE(${type(field)} <> 'ARRAY' AND ${isIn}, FALSE)`;
  },
  contains: (field, value) => {
    const has = sql`JSON_CONTAINS(metadata, ${jsonLiteral(value)}, ${path(field)})`;
    return sql`COALESCE(${type(field)} = 'ARRAY' AND ${has}, FALSE)`;
  },
  order: (field, ordering, value) => {
    const passes = sql`${extract(field)} ${OPERATORS[ordering]} ${jsonLiteral(value)}`;
    return sql`COALESCE(${type(field)} IN ${typeof value === 'number' ? NUMBERS : STRINGS} AND ${passes}, FALSE)`;
  },
  and: (parts) => sql`(${join(parts, ' AND ')})`,
  or: (parts) => sql`(${join(parts, ' OR ')})`,
  not: (part) => sql`NOT (${part})`,
  constant: (matches) => raw(matches ? 'TRUE' : 'FALSE'),
};

const OPERATORS: Record<Ordering, Sql> = { gt: raw('>'), gte: raw('>='), lt: raw('<'), lte: raw('<=') };
const NUMBERS = raw("('INTEGER', 'UNSIGNED INTEGER', 'DECIMAL', 'DOUBLE')");
const STRINGS = raw("('STRING')");

function extract(field: string): Sql {
  return sql`JSON_EXTRACT(metadata, ${path(field)})`;
}

function type(field: string): Sql {
  return sql`JSON_TYPE(${extract(field)})`;
}

/** Names of fields have neither quotes nor backslashes. */
function path(field: string): string {
  return `$."${field}"`;
}
