import type { FilterNode, Ordering } from '../filter/expression.js';
import { type FilterTranslator, translateFilter } from '../filter/translate.js';

const OPERATORS: Record<Ordering, string> = { gt: '>', gte: '>=', lt: '<', lte: '<=' };

/**
 * A filter as a condition on the column `metadata` (jsonb, not null).
 *
 * @param values the statement's parameters, to which the filter's names and values are added
 */
export function pgCondition(filter: FilterNode | undefined, values: unknown[]): string {
  if (filter === undefined) return 'true';
  const parameter = (value: unknown, type: string) => `$${values.push(value)}::${type}`;
  // Containment is type-strict, two-valued, and what a GIN index on the column answers.
  const contained = (value: object) => `metadata @> ${parameter(JSON.stringify(value), 'jsonb')}`;
  const translator: FilterTranslator<string> = {
    eq: (field, value) => contained({ [field]: value }),
    contains: (field, value) => contained({ [field]: [value] }),
    in: (field, list) => {
      const any = `ANY (${parameter(
        list.map((value) => JSON.stringify(value)),
        'jsonb[]',
      )})`;
      return `coalesce(metadata -> ${parameter(field, 'text')} = ${any}, false)`;
    },
    order: (field, ordering, value) => {
      const isNumber = typeof value === 'number';
      const name = parameter(field, 'text');
      const bound = isNumber
        ? parameter(String(value), 'numeric')
        : `${parameter(value, 'text')} COLLATE "C"`;
      const found = isNumber ? `(metadata ->> ${name})::numeric` : `(metadata ->> ${name})`;
      // CASE, because AND may be evaluated in any order, and the cast fails for what is no number.
      return `CASE WHEN jsonb_typeof(metadata -> ${name}) = '${isNumber ? 'number' : 'string'}' THEN ${found} ${OPERATORS[ordering]} ${bound} ELSE false END`;
    },
    and: (parts) => `(${parts.join(' AND ')})`,
    or: (parts) => `(${parts.join(' OR ')})`,
    not: (part) => `NOT (${part})`,
    constant: (matches) => String(matches),
  };
  return translateFilter(filter, translator);
}
