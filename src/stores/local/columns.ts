import { VALUE_TESTS, type ValueTest } from '../filter/evaluate.js';
import type { FilterNode } from '../filter/expression.js';
import { type FilterTranslator, translateFilter } from '../filter/translate.js';
import type { Metadata, MetadataValue } from '../types.js';
import { clearBit, rowsOf, setBit } from './bits.js';

/** Reads what the columns are made of. */
export interface ColumnSource {
  /** One more than the largest row number. */
  rowLimit(): number;
  /** Rows `start` to `end` that there are, ascending. */
  rows(start: number, end: number): readonly number[];
  /** The field's values as JSON, of each of those rows; `''` where a record does not have the field. */
  values(field: string, start: number, end: number): readonly string[];
}

/** Rows that are read at a time: calls of SQLite cost more than the rows. A multiple of 8. */
const RANGE = 4096;

/** A record's row and its metadata. */
export interface ColumnRecord {
  row: number;
  metadata: Metadata;
}

/**
 * Metadata by field, for filters: each row has the number of its value in a dictionary of distinct values, 0 for none.
 * A comparison looks at every distinct value once and at every row with one table look-up, so that a filter over a
 * million records takes milliseconds. A field is read when a filter first names it, and then kept up to date.
 */
export class Columns {
  readonly #source: ColumnSource;
  readonly #columns = new Map<string, Column>();
  #live: Uint8Array | undefined;
  #limit: number;

  constructor(source: ColumnSource) {
    this.#source = source;
    this.#limit = source.rowLimit();
  }

  /** Takes in records that were stored, and rows that went. */
  apply(added: readonly ColumnRecord[], removed: readonly number[]): void {
    for (const { row } of added) this.#limit = Math.max(this.#limit, row + 1);
    if (this.#live === undefined) return;
    this.#live = grown(this.#live, Math.ceil(this.#limit / 8));
    for (const row of removed) clearBit(this.#live, row);
    for (const { row, metadata } of added) {
      setBit(this.#live, row);
      for (const [field, column] of this.#columns) {
        if (Object.hasOwn(metadata, field)) column.set(row, JSON.stringify(metadata[field]), this.#limit);
      }
    }
  }

  /** The rows whose records match. */
  match(filter: FilterNode): Uint8Array {
    const live = this.#liveRows();
    const bits = translateFilter(filter, this.#translator);
    return and([bits, live]);
  }

  /** The rows of all records. */
  #liveRows(): Uint8Array {
    if (this.#live === undefined) {
      this.#live = new Uint8Array(Math.ceil(this.#limit / 8));
      for (const [start, end] of this.#ranges()) {
        for (const row of this.#source.rows(start, end)) setBit(this.#live, row);
      }
    }
    return this.#live;
  }

  *#ranges(): Generator<[start: number, end: number]> {
    for (let start = 0; start < this.#limit; start += RANGE) yield [start, start + RANGE];
  }

  #column(field: string): Column {
    let column = this.#columns.get(field);
    if (column === undefined) {
      column = new Column();
      for (const [start, end] of this.#ranges()) {
        const rows = rowsOf(this.#liveRows(), start, end);
        for (const json of this.#source.values(field, start, end)) {
          const row = rows.next().value as number;
          if (json !== '') column.set(row, json, this.#limit);
        }
      }
      this.#columns.set(field, column);
    }
    return column;
  }

  readonly #translator: FilterTranslator<Uint8Array> = {
    eq: (field, value) => this.#test(field, VALUE_TESTS.eq(value)),
    in: (field, values) => this.#test(field, VALUE_TESTS.in(values)),
    contains: (field, value) => this.#test(field, VALUE_TESTS.contains(value)),
    order: (field, ordering, value) => this.#test(field, VALUE_TESTS.order(ordering, value)),
    and: (parts) => and(parts),
    or: (parts) => parts.reduce((all, part) => all.map((byte, i) => byte | part[i])),
    not: (part) => part.map((byte) => ~byte),
    constant: (matches) => new Uint8Array(Math.ceil(this.#limit / 8)).fill(matches ? 255 : 0),
  };

  #test(field: string, test: ValueTest): Uint8Array {
    return this.#column(field).test(test, this.#limit);
  }
}

function and(parts: readonly Uint8Array[]): Uint8Array {
  return parts.reduce((all, part) => all.map((byte, i) => byte & part[i]));
}

/** One field of all records. */
class Column {
  #codes = new Uint32Array(0);
  /** Distinct values; the one of code 0 is "none". */
  readonly #values: (MetadataValue | undefined)[] = [undefined];
  /** Codes by the values' JSON. */
  readonly #codeOf = new Map<string, number>();

  set(row: number, json: string, limit: number): void {
    let code = this.#codeOf.get(json);
    if (code === undefined) {
      code = this.#values.push(JSON.parse(json) as MetadataValue) - 1;
      this.#codeOf.set(json, code);
    }
    if (row >= this.#codes.length) this.#codes = grown(this.#codes, limit);
    this.#codes[row] = code;
  }

  test(test: ValueTest, limit: number): Uint8Array {
    const passes = Uint8Array.from(this.#values, (value) => (test(value) ? 1 : 0));
    const codes = this.#codes;
    const bits = new Uint8Array(Math.ceil(limit / 8));
    const whole = Math.min(limit, codes.length) & ~7;
    for (let row = 0, i = 0; row < whole; row += 8, i++) {
      bits[i] =
        passes[codes[row]] |
        (passes[codes[row + 1]] << 1) |
        (passes[codes[row + 2]] << 2) |
        (passes[codes[row + 3]] << 3) |
        (passes[codes[row + 4]] << 4) |
        (passes[codes[row + 5]] << 5) |
        (passes[codes[row + 6]] << 6) |
        (passes[codes[row + 7]] << 7);
    }
    // Past the codes no record has the field; no comparison is true of nothing.
    for (let row = whole; row < codes.length && row < limit; row++) if (passes[codes[row]]) setBit(bits, row);
    return bits;
  }
}

/** The array, or a copy that holds `length` values and some more. */
function grown<T extends Uint8Array | Uint32Array>(array: T, length: number): T {
  if (length <= array.length) return array;
  const larger = new (array.constructor as new (length: number) => T)(Math.max(length, array.length * 1.5));
  larger.set(array);
  return larger;
}
