import type { MetadataScalar } from '../types.js';

/**
 * Which records count, by their metadata.
 *
 * A comparison with a field that a record does not have, or that is of another type, is false, and its negation (`ne`,
 * `not`) therefore true. Numbers are compared as numbers, strings by Unicode code points. `contains` asks whether an
 * array has an element; the others never match an array.
 *
 * @example
 * { and: [{ field: 'year', gte: 2020, lt: 2025 }, { field: 'lang', in: ['de', 'en'] }, { not: { field: 'draft', eq: true } }] }
 */
export type StoreFilter =
  | { readonly field: string; readonly eq: MetadataScalar }
  | { readonly field: string; readonly ne: MetadataScalar }
  | { readonly field: string; readonly in: readonly MetadataScalar[] }
  | StoreRange<number>
  | StoreRange<string>
  | { readonly field: string; readonly contains: MetadataScalar }
  | { readonly and: readonly StoreFilter[] }
  | { readonly or: readonly StoreFilter[] }
  | { readonly not: StoreFilter };

/** One bound or two. */
export interface StoreRange<T extends number | string> {
  readonly field: string;
  readonly gt?: T;
  readonly gte?: T;
  readonly lt?: T;
  readonly lte?: T;
}

export const ORDERINGS = ['gt', 'gte', 'lt', 'lte'] as const;
export type Ordering = (typeof ORDERINGS)[number];

/** A checked filter, in as few forms as translators need: `ne` is `not` of `eq`, a range an `and` of bounds. */
export type FilterNode =
  | { readonly kind: 'eq'; readonly field: string; readonly value: MetadataScalar }
  | { readonly kind: 'in'; readonly field: string; readonly values: readonly MetadataScalar[] }
  | { readonly kind: 'contains'; readonly field: string; readonly value: MetadataScalar }
  | { readonly kind: Ordering; readonly field: string; readonly value: number | string }
  | { readonly kind: 'and' | 'or'; readonly nodes: readonly FilterNode[] }
  | { readonly kind: 'not'; readonly node: FilterNode };

/** Deepest nesting of and, or and not. */
export const MAX_FILTER_DEPTH = 32;
/** Most comparisons, values of `in` included. */
export const MAX_FILTER_TERMS = 10_000;
