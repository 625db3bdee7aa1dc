import type { MetadataScalar } from '../types.js';
import type { FilterNode, Ordering } from './expression.js';

/**
 * What an engine makes of a filter: SQL, an expression, a function. Values and names go into parameters, never into
 * text. Comparisons are two-valued: false, not NULL, for a record without the field or with a value of another type,
 * because `not` makes them true.
 */
export interface FilterTranslator<T> {
  eq(field: string, value: MetadataScalar): T;
  /** `values` is not empty. */
  in(field: string, values: readonly MetadataScalar[]): T;
  /** The field is an array that has the value. */
  contains(field: string, value: MetadataScalar): T;
  order(field: string, ordering: Ordering, value: number | string): T;
  /** `parts` is not empty. */
  and(parts: readonly T[]): T;
  or(parts: readonly T[]): T;
  not(part: T): T;
  /** Matches every record, or none. */
  constant(matches: boolean): T;
}

export function translateFilter<T>(node: FilterNode, translator: FilterTranslator<T>): T {
  switch (node.kind) {
    case 'eq':
      return translator.eq(node.field, node.value);
    case 'in':
      return node.values.length === 0 ? translator.constant(false) : translator.in(node.field, node.values);
    case 'contains':
      return translator.contains(node.field, node.value);
    case 'not':
      return translator.not(translateFilter(node.node, translator));
    case 'and':
    case 'or': {
      if (node.nodes.length === 0) return translator.constant(node.kind === 'and');
      return translator[node.kind](node.nodes.map((part) => translateFilter(part, translator)));
    }
    default:
      return translator.order(node.field, node.kind, node.value);
  }
}
