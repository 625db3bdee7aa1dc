import { type Interval, NO_NUMBER, numbersThat, VALUE_TESTS, type ValueTest } from '../filter/evaluate.js';
import type { FilterNode } from '../filter/expression.js';
import { type FilterTranslator, translateFilter } from '../filter/translate.js';
import type { MetadataScalar, MetadataValue } from '../types.js';
import { clearBit, setBit } from './bits.js';
import type { StoredBlock } from './block-table.js';
import { BLOCK_ROWS, blockCodes, type ColumnRecord } from './column-block.js';

/** Reads what the columns are made of. */
export interface ColumnSource {
  /** One more than the largest row number. */
  rowLimit(): number;
  /** All rows that there are. */
  rows(): Iterable<number>;
  /** The field's blocks, ascending; every row of an earlier one than {@link covered} is in one, if it has the field. */
  blocks(field: string): Iterable<StoredBlock>;
  /** How many blocks there are. */
  covered(): number;
  /** Rows from `start` up to `end` that have the field, and its value as JSON. */
  values(field: string, start: number, end: number): Iterable<[row: number, json: string]>;
}

/**
 * Metadata by field, for filters: each row has its number, or the code of its value in a dictionary of distinct ones, 0
 * for none. A comparison looks at every distinct value once and at every row with one table look-up, so that a filter
 * over a million records takes milliseconds. A field is read when a filter first names it, and then kept up to date.
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
    if (this.#live !== undefined) {
      this.#live = grown(this.#live, Math.ceil(this.#limit / 8));
      for (const row of removed) clearBit(this.#live, row);
      for (const { row } of added) setBit(this.#live, row);
    }
    for (const [field, column] of this.#columns) {
      for (const { row, metadata } of added) {
        if (Object.hasOwn(metadata, field)) column.set(row, metadata[field], this.#limit);
      }
    }
  }

  /** The rows whose records match, and maybe some that are no records any more. */
  match(filter: FilterNode): Uint8Array {
    return translateFilter(filter, this.#translator);
  }

  /** The rows whose records match. */
  matchLive(filter: FilterNode): Uint8Array {
    return and([this.match(filter), this.#liveRows()]);
  }

  /** The rows of all records. */
  #liveRows(): Uint8Array {
    if (this.#live === undefined) {
      this.#live = new Uint8Array(Math.ceil(this.#limit / 8));
      for (const row of this.#source.rows()) setBit(this.#live, row);
    }
    return this.#live;
  }

  #column(field: string): Column {
    let column = this.#columns.get(field);
    if (column === undefined) {
      column = new Column();
      this.#fill(column, field);
      this.#columns.set(field, column);
    }
    return column;
  }

  #fill(column: Column, field: string): void {
    const fromRecords = (start: number, end: number) => {
      for (const [row, json] of this.#source.values(field, start, end)) {
        column.set(row, JSON.parse(json) as MetadataValue, this.#limit);
      }
    };
    // Asked before the blocks are read: of those that another process writes meanwhile, none has been read.
    const covered = this.#source.covered();
    for (const { block, values, codes } of this.#source.blocks(field)) {
      const start = block * BLOCK_ROWS;
      if (values === null) fromRecords(start, start + BLOCK_ROWS);
      else column.setBlock(start, values, codes, this.#limit);
    }
    fromRecords(covered * BLOCK_ROWS, this.#limit);
  }

  readonly #translator: FilterTranslator<Uint8Array> = {
    eq: (field, value) => this.#test(field, VALUE_TESTS.eq(value), numbersThat('eq', value)),
    in: (field, values) => this.#test(field, VALUE_TESTS.in(values)),
    contains: (field, value) => this.#test(field, VALUE_TESTS.contains(value), NO_NUMBER),
    order: (field, ordering, value) =>
      this.#test(field, VALUE_TESTS.order(ordering, value), numbersThat(ordering, value)),
    and: (parts) => and(parts),
    or: (parts) => combined(parts, (a, b) => a | b),
    not: (part) => combined([part, part], (a) => ~a),
    constant: (matches) => new Uint8Array(Math.ceil(this.#limit / 8)).fill(matches ? 255 : 0),
  };

  #test(field: string, test: ValueTest, numbers?: Interval): Uint8Array {
    return this.#column(field).test(test, numbers, this.#limit);
  }
}

function and(parts: readonly Uint8Array[]): Uint8Array {
  return combined(parts, (a, b) => a & b);
}

/** As long as the first. */
function combined(parts: readonly Uint8Array[], operation: (a: number, b: number) => number): Uint8Array {
  const all = parts[0].slice();
  for (const part of parts.slice(1)) {
    for (let i = 0; i < all.length; i++) all[i] = operation(all[i], part[i]);
  }
  return all;
}

/** The code of every number: there may be as many of them as rows, and comparing is all that they are for. */
const NUMBER = 1;

/** One field of all records. */
class Column {
  #codes = new Uint32Array(0);
  /** Of rows with {@link NUMBER}; empty if there are none. */
  #numbers = new Float64Array(0);
  /** Distinct values by code, from the first one after {@link NUMBER}; code 0 is "none". */
  readonly #values: (MetadataValue | undefined)[] = [undefined, undefined];
  /** Codes by value; those of arrays by their JSON behind U+0000, which no value has. */
  readonly #codeOf = new Map<MetadataScalar, number>();

  set(row: number, value: MetadataValue, limit: number): void {
    this.#room(row, limit);
    this.#put(row, value, this.#code(value));
  }

  /** Sets the rows of a block, which begins at row `start`. */
  setBlock(start: number, values: readonly MetadataValue[], codes: Uint8Array, limit: number): void {
    this.#room(start + BLOCK_ROWS - 1, limit);
    // By the block's codes, of which 0 stands for no value.
    const ours = new Uint32Array(values.length + 1);
    const numbers = new Float64Array(values.length + 1);
    for (let code = 1; code <= values.length; code++) {
      const value = values[code - 1];
      ours[code] = this.#code(value);
      if (typeof value === 'number') numbers[code] = value;
    }
    if (ours.includes(NUMBER)) this.#numberRoom(start + BLOCK_ROWS - 1);
    const hasNumbers = this.#numbers.length > start;
    const block = blockCodes(codes, values.length);
    for (let offset = 0; offset < BLOCK_ROWS; offset++) {
      this.#codes[start + offset] = ours[block[offset]];
      if (hasNumbers) this.#numbers[start + offset] = numbers[block[offset]];
    }
  }

  #put(row: number, value: MetadataValue, code: number): void {
    this.#codes[row] = code;
    if (code !== NUMBER) return;
    this.#numberRoom(row);
    this.#numbers[row] = value as number;
  }

  #code(value: MetadataValue): number {
    if (typeof value === 'number') return NUMBER;
    const key = typeof value === 'object' ? `\0${JSON.stringify(value)}` : value;
    let code = this.#codeOf.get(key);
    if (code === undefined) {
      code = this.#values.push(value) - 1;
      this.#codeOf.set(key, code);
    }
    return code;
  }

  #room(row: number, limit: number): void {
    if (row >= this.#codes.length) this.#codes = grown(this.#codes, Math.max(limit, row + 1));
  }

  #numberRoom(row: number): void {
    if (row >= this.#numbers.length) this.#numbers = grown(this.#numbers, this.#codes.length);
  }

  /** @param interval the numbers that pass, where it is one: a call for each of a million takes longer than all else */
  test(test: ValueTest, interval: Interval | undefined, limit: number): Uint8Array {
    const passes = Uint8Array.from(this.#values, (value) => (test(value) ? 1 : 0));
    const bits = new Uint8Array(Math.ceil(limit / 8));
    // Past the codes no record has the field; no comparison is true of nothing.
    const rows = Math.min(limit, this.#codes.length);
    const numbered = Math.min(rows, this.#numbers.length);
    if (interval !== undefined) this.#testInterval(interval, passes, bits, numbered);
    else this.#testNumbers(test, passes, bits, numbered);
    this.#testCodes(passes, bits, numbered, rows);
    return bits;
  }

  #testInterval([from, to]: Interval, passes: Uint8Array, bits: Uint8Array, end: number): void {
    const codes = this.#codes;
    const numbers = this.#numbers;
    for (let row = 0; row < end; row++) {
      const number = numbers[row];
      const code = codes[row];
      if (code === NUMBER ? number >= from && number <= to : passes[code] === 1) setBit(bits, row);
    }
  }

  #testNumbers(test: ValueTest, passes: Uint8Array, bits: Uint8Array, end: number): void {
    const codes = this.#codes;
    const numbers = this.#numbers;
    for (let row = 0; row < end; row++) {
      const code = codes[row];
      const passed = code === NUMBER ? test(numbers[row]) : passes[code] === 1;
      if (passed) setBit(bits, row);
    }
  }

  #testCodes(passes: Uint8Array, bits: Uint8Array, start: number, rows: number): void {
    const codes = this.#codes;
    let row = start;
    for (; row < rows && (row & 7) !== 0; row++) if (passes[codes[row]]) setBit(bits, row);
    for (const whole = rows & ~7; row < whole; row += 8) {
      bits[row >>> 3] =
        passes[codes[row]] |
        (passes[codes[row + 1]] << 1) |
        (passes[codes[row + 2]] << 2) |
        (passes[codes[row + 3]] << 3) |
        (passes[codes[row + 4]] << 4) |
        (passes[codes[row + 5]] << 5) |
        (passes[codes[row + 6]] << 6) |
        (passes[codes[row + 7]] << 7);
    }
    for (; row < rows; row++) if (passes[codes[row]]) setBit(bits, row);
  }
}

/** The array, or a copy that holds `length` values and some more. */
function grown<T extends Uint8Array | Uint32Array | Float64Array>(array: T, length: number): T {
  if (length <= array.length) return array;
  const larger = new (array.constructor as new (length: number) => T)(Math.max(length, array.length * 1.5));
  larger.set(array);
  return larger;
}
