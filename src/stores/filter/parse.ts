import { describe, EmbedlaneError, invalidArgument } from '../../core/errors.js';
import { fieldName, metadataScalar } from '../base/metadata.js';
import {
  type FilterNode,
  MAX_FILTER_DEPTH,
  MAX_FILTER_TERMS,
  ORDERINGS,
  type StoreFilter,
} from './expression.js';

const COMPARISONS = ['eq', 'ne', 'in', ...ORDERINGS, 'contains'];
const FORMS = `one of { field, ${COMPARISONS.join(' | ')} }, { and }, { or } and { not }`;

/**
 * Checks a filter and reduces it to {@link FilterNode}s. Everything is copied, so that the caller may change its
 * objects afterwards.
 *
 * @throws {EmbedlaneError} `ERR_INVALID_ARG` that names the part of the filter
 */
export function filterArgument(name: string, value: StoreFilter): FilterNode;
export function filterArgument(name: string, value: StoreFilter | undefined): FilterNode | undefined;
export function filterArgument(name: string, value: StoreFilter | undefined): FilterNode | undefined {
  return value === undefined ? undefined : new FilterReader(name).read(name, value, 1);
}

class FilterReader {
  readonly #root: string;
  #terms = 0;

  constructor(root: string) {
    this.#root = root;
  }

  read(name: string, value: unknown, depth: number): FilterNode {
    if (depth > MAX_FILTER_DEPTH) throw this.#tooLarge(`${MAX_FILTER_DEPTH} levels`);
    this.#count(1);
    if (value === null || typeof value !== 'object' || Array.isArray(value)) {
      throw invalidArgument(name, 'a filter', value);
    }
    const parts = Object.entries(value).filter(([, part]) => part !== undefined);
    const { field, ...operators } = Object.fromEntries(parts);
    return field === undefined
      ? this.#logical(name, operators, depth)
      : this.#comparison(name, fieldName(`${name}.field`, field), operators);
  }

  #logical(name: string, operators: Record<string, unknown>, depth: number): FilterNode {
    const [kind, ...more] = Object.keys(operators);
    if (more.length > 0) throw malformed(name, operators);
    if (kind === 'not') return { kind, node: this.read(`${name}.not`, operators.not, depth + 1) };
    if (kind !== 'and' && kind !== 'or') throw malformed(name, operators);
    const list = arrayOf(`${name}.${kind}`, 'filters', operators[kind]);
    return { kind, nodes: list.map((part, i) => this.read(`${name}.${kind}[${i}]`, part, depth + 1)) };
  }

  #comparison(name: string, field: string, operators: Record<string, unknown>): FilterNode {
    const kinds = Object.keys(operators);
    if (kinds.length > 0 && kinds.every((kind) => (ORDERINGS as readonly string[]).includes(kind))) {
      return this.#range(name, field, operators);
    }
    const [kind, ...more] = kinds;
    if (more.length > 0 || !COMPARISONS.includes(kind)) throw malformed(name, { field, ...operators });
    const operand = `${name}.${kind}`;
    if (kind === 'in') {
      const list = arrayOf(operand, 'values', operators.in);
      this.#count(list.length);
      return { kind, field, values: list.map((value, i) => metadataScalar(`${operand}[${i}]`, value)) };
    }
    const value = metadataScalar(operand, operators[kind]);
    if (kind === 'ne') return { kind: 'not', node: { kind: 'eq', field, value } };
    return { kind: kind as 'eq' | 'contains', field, value };
  }

  #range(name: string, field: string, operators: Record<string, unknown>): FilterNode {
    const bounds = ORDERINGS.filter((kind) => Object.hasOwn(operators, kind));
    const nodes = bounds.map((kind): FilterNode => {
      const value = metadataScalar(`${name}.${kind}`, operators[kind]);
      if (typeof value === 'boolean') throw invalidArgument(`${name}.${kind}`, 'a number or a string', value);
      return { kind, field, value };
    });
    return nodes.length === 1 ? nodes[0] : { kind: 'and', nodes };
  }

  #count(terms: number): void {
    this.#terms += terms;
    if (this.#terms > MAX_FILTER_TERMS) throw this.#tooLarge(`${MAX_FILTER_TERMS} comparisons and values`);
  }

  #tooLarge(limit: string): EmbedlaneError {
    return new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected at most ${limit} for ${this.#root} but received more`,
    );
  }
}

function arrayOf(name: string, what: string, value: unknown): unknown[] {
  if (!Array.isArray(value)) throw invalidArgument(name, `an array of ${what}`, value);
  if (value.length > MAX_FILTER_TERMS) {
    throw invalidArgument(name, `an array of at most ${MAX_FILTER_TERMS} ${what}`, value);
  }
  return Array.from(value);
}

function malformed(name: string, operators: Record<string, unknown>): EmbedlaneError {
  const keys = Object.keys(operators).slice(0, 8);
  const received =
    keys.length === 0
      ? 'an empty object'
      : `{ ${keys.map((key) => describe(key).replace(' of type string', '')).join(', ')} }`;
  return new EmbedlaneError('ERR_INVALID_ARG', `Expected ${FORMS} for ${name} but received ${received}`);
}
