import type { Metadata, MetadataValue } from '../types.js';

/** Rows of a block; rows of block `b` are numbered from `b * BLOCK_ROWS`. */
export const BLOCK_ROWS = 4096;

/** Longest dictionary, as JSON: a field of long texts is read from the records, as if it were in no block. */
const MAX_VALUES_LENGTH = 2 ** 20;

/** A record's row and its metadata. */
export interface ColumnRecord {
  row: number;
  metadata: Metadata;
}

/**
 * One field of the rows of a block: the distinct values, and for each row the number of its value, from 1; 0 for none.
 * Little-endian 16-bit numbers, one for each row, or pairs of row and number where few rows have the field.
 */
export interface ColumnBlock {
  /** JSON of an array; null where they are too long. */
  values: string | null;
  codes: Uint8Array;
}

/** The fields of a block's records. */
export function encodeBlock(block: number, records: Iterable<ColumnRecord>): Map<string, ColumnBlock> {
  const fields = new Map<string, FieldWriter>();
  for (const { row, metadata } of records) {
    for (const field of Object.keys(metadata)) {
      let writer = fields.get(field);
      if (writer === undefined) {
        writer = new FieldWriter();
        fields.set(field, writer);
      }
      writer.add(row - block * BLOCK_ROWS, metadata[field]);
    }
  }
  return new Map(Array.from(fields, ([field, writer]) => [field, writer.finish()]));
}

class FieldWriter {
  readonly #codeOf = new Map<string, number>();
  readonly #pairs: number[] = [];
  #length = 0;

  add(offset: number, value: MetadataValue): void {
    if (this.#length > MAX_VALUES_LENGTH) return;
    const json = JSON.stringify(value);
    let code = this.#codeOf.get(json);
    if (code === undefined) {
      code = this.#codeOf.size + 1;
      this.#codeOf.set(json, code);
      this.#length += json.length + 1;
    }
    this.#pairs.push(offset, code);
  }

  finish(): ColumnBlock {
    if (this.#length > MAX_VALUES_LENGTH) return { values: null, codes: new Uint8Array(0) };
    const values = `[${Array.from(this.#codeOf.keys()).join()}]`;
    const pairs = this.#pairs;
    if (pairs.length < BLOCK_ROWS) return { values, codes: new Uint8Array(Uint16Array.from(pairs).buffer) };
    const codes = new Uint16Array(BLOCK_ROWS);
    for (let i = 0; i < pairs.length; i += 2) codes[pairs[i]] = pairs[i + 1];
    return { values, codes: new Uint8Array(codes.buffer) };
  }
}

/** For each row of a block the number of its value, from 1; 0 for none, and for what a damaged file says besides. */
export function blockCodes(codes: Uint8Array, values: number): Uint16Array {
  // A copy, because a buffer of SQLite's may begin anywhere.
  const numbers = new Uint16Array(codes.slice().buffer, 0, codes.length >>> 1);
  const isDense = numbers.length === BLOCK_ROWS;
  const dense = isDense ? numbers : new Uint16Array(BLOCK_ROWS);
  if (!isDense) {
    for (let i = 0; i + 1 < numbers.length; i += 2) {
      if (numbers[i] < BLOCK_ROWS) dense[numbers[i]] = numbers[i + 1];
    }
  }
  for (let offset = 0; offset < BLOCK_ROWS; offset++) if (dense[offset] > values) dense[offset] = 0;
  return dense;
}
