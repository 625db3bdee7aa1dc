import type { Ordering } from '../filter/expression.js';
import type { FilterTranslator } from '../filter/translate.js';
import type { MetadataScalar } from '../types.js';
import { ELEMENT_KINDS, METADATA_FIELD, numberText, SCALAR_KINDS } from './metadata.js';

/**
 * A string of Milvus' expressions. Templates (`{name}` and values beside them) would need no quoting, but Milvus Lite
 * does not know them; these escapes are those that all servers know.
 */
export function stringLiteral(text: string): string {
  return `"${text.replace(/[\\"\n\r\t]/g, (character) => ESCAPES[character])}"`;
}

const ESCAPES: Record<string, string> = { '\\': '\\\\', '"': '\\"', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** A condition that one of many ids has to meet. */
export function idIn(ids: readonly string[]): string {
  return `id in [${ids.map(stringLiteral).join(', ')}]`;
}

/** Milvus' boolean expressions. Paths tell types apart, see {@link METADATA_FIELD}. */
export const MILVUS_FILTER: FilterTranslator<string> = {
  eq: (field, value) => compare(SCALAR_KINDS, field, value, (path) => `${path} == ${literal(value)}`),
  in: (field, values) => {
    const kinds = [...new Set(values.map((value) => typeof value))];
    const parts = kinds.map((kind) => {
      const same = values.filter((value) => typeof value === kind);
      return compare(SCALAR_KINDS, field, same[0], (path) => {
        const equalities = same.map((value) => `${path} == ${literal(value)}`);
        return chain('or', equalities);
      });
    });
    return chain('or', parts);
  },
  contains: (field, value) => {
    // In lists alone Milvus Lite reads negative numbers.
    return compare(ELEMENT_KINDS, field, value, (path) => `json_contains_any(${path}, [${literal(value)}])`);
  },
  order: (field, ordering, value) => {
    return compare(SCALAR_KINDS, field, value, (path) => `${path} ${OPERATORS[ordering]} ${literal(value)}`);
  },
  and: (parts) => chain('and', parts),
  or: (parts) => chain('or', parts),
  not: (part) => `not (${part})`,
  // No id is empty.
  constant: (matches) => (matches ? 'id != ""' : 'id == ""'),
};

const OPERATORS: Record<Ordering, string> = { gt: '>', gte: '>=', lt: '<', lte: '<=' };

/** A comparison that is false, and not unknown, for a record without the field. */
function compare(
  kinds: typeof SCALAR_KINDS | typeof ELEMENT_KINDS,
  field: string,
  value: MetadataScalar,
  condition: (path: string) => string,
): string {
  const kind = kinds[typeof value as keyof typeof kinds];
  const path = `${METADATA_FIELD}["${kind}"][${stringLiteral(field)}]`;
  return `(exists ${path} and ${condition(path)})`;
}

/** A balanced tree: servers parse chains recursively, and limit the depth. */
function chain(operator: 'and' | 'or', parts: readonly string[]): string {
  if (parts.length === 1) return parts[0];
  const middle = parts.length >> 1;
  return `(${chain(operator, parts.slice(0, middle))} ${operator} ${chain(operator, parts.slice(middle))})`;
}

function literal(value: MetadataScalar): string {
  if (typeof value === 'string') return stringLiteral(value);
  return typeof value === 'boolean' ? String(value) : numberText(value);
}
