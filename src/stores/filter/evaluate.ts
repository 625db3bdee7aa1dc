import type { Metadata, MetadataScalar, MetadataValue } from '../types.js';
import type { FilterNode, Ordering } from './expression.js';
import { type FilterTranslator, translateFilter } from './translate.js';

/** Whether a field's value, undefined if the record does not have it, passes one comparison. */
export type ValueTest = (value: MetadataValue | undefined) => boolean;

/** The comparisons of filters over values in memory: what they mean, for every engine. */
export const VALUE_TESTS = {
  eq: (expected: MetadataScalar): ValueTest => {
    return (value) => value === expected;
  },
  in: (expected: readonly MetadataScalar[]): ValueTest => {
    const set = new Set<unknown>(expected);
    return (value) => set.has(value);
  },
  contains: (expected: MetadataScalar): ValueTest => {
    return (value) => Array.isArray(value) && value.includes(expected);
  },
  order: (ordering: Ordering, bound: number | string): ValueTest => {
    const passes = ORDER_TESTS[ordering];
    if (typeof bound === 'number') return (value) => typeof value === 'number' && passes(value - bound);
    return (value) => typeof value === 'string' && passes(compareCodePoints(value, bound));
  },
};

const ORDER_TESTS: Record<Ordering, (difference: number) => boolean> = {
  gt: (difference) => difference > 0,
  gte: (difference) => difference >= 0,
  lt: (difference) => difference < 0,
  lte: (difference) => difference <= 0,
};

/** Numbers from the first up to the second, both included. */
export type Interval = readonly [from: number, to: number];

export const NO_NUMBER: Interval = [Infinity, -Infinity];

/** The numbers of which a comparison with `value` is true. */
export function numbersThat(comparison: 'eq' | Ordering, value: MetadataScalar): Interval {
  if (typeof value !== 'number') return NO_NUMBER;
  switch (comparison) {
    case 'eq':
      return [value, value];
    case 'gte':
      return [value, Infinity];
    case 'lte':
      return [-Infinity, value];
    case 'gt':
      return [following(value), Infinity];
    case 'lt':
      return [-Infinity, -following(-value)];
  }
}

/** The least number above a finite one. */
function following(value: number): number {
  const number = Float64Array.of(value + 0);
  const bits = new BigInt64Array(number.buffer);
  // The bits of negative numbers count the other way; 0 is followed by the least of all.
  bits[0] += number[0] < 0 ? -1n : 1n;
  return number[0];
}

/** A predicate over metadata. */
export function compileFilter(node: FilterNode): (metadata: Metadata) => boolean {
  return translateFilter(node, PREDICATES);
}

type Predicate = (metadata: Metadata) => boolean;

const field = (name: string, test: ValueTest): Predicate => {
  return (metadata) => test(Object.hasOwn(metadata, name) ? metadata[name] : undefined);
};

const PREDICATES: FilterTranslator<Predicate> = {
  eq: (name, value) => field(name, VALUE_TESTS.eq(value)),
  in: (name, values) => field(name, VALUE_TESTS.in(values)),
  contains: (name, value) => field(name, VALUE_TESTS.contains(value)),
  order: (name, ordering, value) => field(name, VALUE_TESTS.order(ordering, value)),
  and: (parts) => (metadata) => parts.every((part) => part(metadata)),
  or: (parts) => (metadata) => parts.some((part) => part(metadata)),
  not: (part) => (metadata) => !part(metadata),
  constant: (matches) => () => matches,
};

/** Orders strings by code points, which is the order of their UTF-8 bytes; `<` orders by UTF-16 units. */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    // Surrogates stand for code points above all other units.
    const isHigh = (unit: number) => unit >= 0xd800 && unit <= 0xdfff;
    return isHigh(x) === isHigh(y) ? x - y : isHigh(x) ? 1 : -1;
  }
  return a.length - b.length;
}
