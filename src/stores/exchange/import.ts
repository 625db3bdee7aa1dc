import { existsSync } from 'node:fs';
import { EmbedlaneError, invalidArgument } from '../../core/errors.js';
import type { OnProgress } from '../../core/progress.js';
import { isTyped } from '../../core/realms.js';
import {
  integer,
  optionalFunction,
  optionalInteger,
  optionalSignal,
  optionalString,
  optionsObject,
} from '../../core/validate.js';
import { fieldOf, withoutBigInts } from '../../files/field.js';
import { parseJsonLine } from '../../files/jsonl.js';
import { readLines } from '../../files/lines.js';
import { countParquetRows, readParquetRows } from '../../files/parquet.js';
import { readVectors } from '../../index/index.js';
import { dequantize } from '../../vectors/index.js';
import type {
  CollectionOptions,
  MetadataValue,
  StoreRecord,
  StoreVectorInput,
  VectorStore,
} from '../types.js';
import { companionOf, recordFormat } from './formats.js';

/** Which fields of JSON lines (of those beside a `.npy` file, too), or columns of Parquet, are what; dots reach into objects. */
export interface ImportFields {
  /** A string or an integer. @default 'id' */
  id?: string;
  /** @default 'vector' */
  vector?: string;
  /** @default 'document', if it is there */
  document?: string;
  /** An object with all metadata, or the names of fields that become metadata. @default 'metadata', if it is there */
  metadata?: string | readonly string[];
}

export interface ImportOptions {
  fields?: ImportFields;
  /** JSON lines with ids, documents and metadata for a `.npy` file. @default the file's name with `.jsonl`, if there */
  records?: string;
  /** How the collection is made, if there is none. `dims` is what the first vector has. */
  collection?: Partial<Omit<CollectionOptions, 'signal'>>;
  /** Records to leave out at the beginning: goes on where an interrupted import ended. @default 0 */
  skip?: number;
  /** Records in one request. */
  batchSize?: number;
  signal?: AbortSignal;
  onProgress?: OnProgress;
}

/**
 * Stores the records of a `.parquet`, `.jsonl` or `.npy` file, which is read no faster than it is stored. Repeating it
 * does no harm. Rows of a `.npy` file without JSON lines beside it are called `0`, `1`, …
 *
 * @returns how many records were stored
 * @throws {StoreError} with `stored`, how many records after the first `skip` are stored for certain;
 * `ERR_INVALID_ARG` with file and line or row for a record that cannot be read
 */
export async function importRecords(
  path: string,
  store: VectorStore,
  options?: ImportOptions,
): Promise<number> {
  const known = optionsObject('options', options, [
    'fields',
    'records',
    'collection',
    'skip',
    'batchSize',
    'signal',
    'onProgress',
  ]);
  const format = recordFormat('path', path);
  if (typeof store?.upsert !== 'function') throw invalidArgument('store', 'a store', store);
  const fields = fieldsArgument(known.fields);
  const skip = integer('options.skip', known.skip ?? 0, 0, Number.MAX_SAFE_INTEGER);
  const batchSize = optionalInteger('options.batchSize', known.batchSize, 1, 1_000_000);
  const signal = optionalSignal('options.signal', known.signal);
  const onProgress = optionalFunction('options.onProgress', known.onProgress);
  const companion = optionalString('options.records', known.records);
  const rows =
    format === 'parquet'
      ? parquetRecords(path, fields, skip)
      : skipped(format === 'jsonl' ? jsonRecords(path, fields) : npyRecords(path, companion, fields), skip);
  const records = rows[Symbol.asyncIterator]();
  try {
    const first = await records.next();
    const existing = await store.info({ signal });
    if (existing === undefined) {
      if (first.done)
        throw new EmbedlaneError('ERR_INVALID_ARG', `Expected records in ${path} but received none`);
      const dims = known.collection?.dims ?? dimsOf(first.value.vector as StoreVectorInput, path);
      await store.create({ ...known.collection, dims, signal });
    }
    if (first.done) return 0;
    const total = format === 'parquet' && onProgress ? (await countParquetRows(path)) - skip : 0;
    return await store.upsert(startingWith(first.value, records), {
      batchSize,
      signal,
      onProgress:
        onProgress && (({ completed }) => onProgress({ completed, total: Math.max(completed, total) })),
    });
  } finally {
    await records.return?.(undefined);
  }
}

type Records = AsyncGenerator<StoreRecord, void, undefined>;
type Fields = Required<Pick<ImportFields, 'id' | 'vector' | 'document' | 'metadata'>>;

const DEFAULTS = { id: 'id', vector: 'vector', document: 'document', metadata: 'metadata' };

function fieldsArgument(fields: ImportFields | undefined): Fields {
  const known = optionsObject('options.fields', fields, ['id', 'vector', 'document', 'metadata']);
  const { metadata = DEFAULTS.metadata } = known;
  const isNames = Array.isArray(metadata) && metadata.every((name) => typeof name === 'string');
  if (typeof metadata !== 'string' && !isNames) {
    throw invalidArgument('options.fields.metadata', 'a name or an array of names', metadata);
  }
  return {
    id: optionalString('options.fields.id', known.id) ?? DEFAULTS.id,
    vector: optionalString('options.fields.vector', known.vector) ?? DEFAULTS.vector,
    document: optionalString('options.fields.document', known.document) ?? DEFAULTS.document,
    metadata,
  };
}

async function* startingWith(first: StoreRecord, rest: AsyncIterator<StoreRecord>): Records {
  yield first;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

async function* skipped(records: Records, count: number): Records {
  let place = 0;
  for await (const record of records) if (place++ >= count) yield record;
}

async function* jsonRecords(path: string, fields: Fields): Records {
  for await (const line of readLines(path)) {
    if (line.text.trim() === '') continue;
    yield toRecord(parseJsonLine(line), fields, `${path}:${line.number}`);
  }
}

async function* parquetRecords(path: string, fields: Fields, start: number): Records {
  let row = start;
  for await (const record of readParquetRows(path, { start, utf8: false })) {
    if (row === start) requireColumns(record, fields, path);
    yield toRecord(record, fields, `${path}, row ${++row}`);
  }
}

/** All rows would go without what a misspelt name was to give them. */
function requireColumns(record: object, { document, metadata }: Fields, path: string): void {
  const asked = [metadata].flat().filter((name) => name !== DEFAULTS.metadata);
  if (document !== DEFAULTS.document) asked.push(document);
  const missing = asked.find((name) => !Object.hasOwn(record, name.split('.')[0]));
  if (missing === undefined) return;
  throw new EmbedlaneError(
    'ERR_INVALID_ARG',
    `Expected one of the columns ${Object.keys(record).join(', ')} of ${path} for a field but received '${missing}'`,
  );
}

async function* npyRecords(path: string, companion: string | undefined, fields: Fields): Records {
  const beside = companion ?? (existsSync(companionOf(path)) ? companionOf(path) : undefined);
  const lines = beside === undefined ? undefined : readLines(beside);
  let row = 0;
  try {
    for await (const batch of readVectors(path)) {
      const vectors = dequantize(batch);
      for (let i = 0; i < vectors.rows; i++, row++) {
        const vector = vectors.row(i);
        const next = await lines?.next();
        if (next?.done) throw unequal(beside as string, path, row);
        yield next === undefined
          ? { id: String(row), vector }
          : { ...common(parseJsonLine(next.value), fields, `${beside}:${row + 1}`), vector };
      }
    }
    if (lines && !(await lines.next()).done) throw unequal(beside as string, path, row);
  } finally {
    await lines?.return(undefined);
  }
}

function unequal(companion: string, path: string, rows: number): EmbedlaneError {
  return new EmbedlaneError(
    'ERR_DIMENSION',
    `Expected as many lines in ${companion} as there are rows in ${path} but received ${rows} and others`,
  );
}

function toRecord(raw: unknown, fields: Fields, where: string): StoreRecord {
  const found = fieldOf(raw, fields.vector);
  const vector = found as { indices?: unknown; values?: unknown } | undefined;
  const record = common(raw, fields, where);
  if (vector === undefined || vector === null) {
    throw invalidArgument(`field '${fields.vector}' at ${where}`, 'a vector', vector);
  }
  if (!Array.isArray(vector.indices) || !Array.isArray(vector.values)) {
    return { ...record, vector: found as StoreVectorInput };
  }
  const sparse = {
    indices: Uint32Array.from(vector.indices as number[]),
    values: Float32Array.from(vector.values as number[]),
  };
  // A typed array takes anything: 1.5 as 1, -1 as the largest, '7' as 7.
  const wrong = (vector.indices as unknown[]).findIndex((index, i) => index !== sparse.indices[i]);
  if (wrong >= 0) {
    const name = `indices[${wrong}] of field '${fields.vector}' at ${where}`;
    throw invalidArgument(name, 'an integer between 0 and 4294967295', vector.indices[wrong]);
  }
  return { ...record, vector: sparse };
}

function common(raw: unknown, fields: Omit<Fields, 'vector'>, where: string) {
  const id = text(fieldOf(raw, fields.id));
  if (typeof id !== 'string' && typeof id !== 'bigint' && !Number.isSafeInteger(id)) {
    throw invalidArgument(`field '${fields.id}' at ${where}`, 'a string or an integer', id);
  }
  const document = text(fieldOf(raw, fields.document)) ?? undefined;
  return {
    id: String(id),
    document: document as string | undefined,
    metadata: metadataOf(raw, fields.metadata),
  };
}

/** Some writers do not say that their byte arrays are texts; those of packed bits are none. */
function text(value: unknown): unknown {
  return isTyped(value, Uint8Array) ? new TextDecoder('utf-8', { ignoreBOM: true }).decode(value) : value;
}

function metadataOf(raw: unknown, fields: string | readonly string[]): Record<string, MetadataValue> {
  const all =
    typeof fields === 'string'
      ? (fieldOf(raw, fields) ?? {})
      : Object.fromEntries(fields.map((name) => [name, fieldOf(raw, name)]));
  // The store says what is wrong with another kind of value.
  if (typeof all !== 'object' || Array.isArray(all)) return all as Record<string, MetadataValue>;
  const set = Object.entries(all).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(set.map(([name, value]) => [name, withoutBigInts(text(value)) as MetadataValue]));
}

function dimsOf(vector: StoreVectorInput, path: string): number {
  if (!('indices' in vector) && !isTyped(vector, Uint8Array) && vector.length > 0) return vector.length;
  throw invalidArgument(
    'options.collection.dims',
    `how many dimensions the vectors of ${path} have`,
    undefined,
  );
}
