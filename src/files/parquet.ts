import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { decompress } from 'fzstd';
import type { AsyncBuffer, Compressors, FileMetaData, ParquetParsers } from 'hyparquet';
import { describe, EmbedlaneError } from '../core/errors.js';
import { ioError } from '../core/io.js';
import { fieldOf } from './field.js';
import { findPages, type ParquetPages } from './parquet-pages.js';

/** Rows that are read at a time: what is in memory besides one page of the file. */
const ROWS = 4096;

/** True for names of Parquet files. */
export function isParquet(path: string): boolean {
  return /\.parquet$/i.test(path);
}

/** Rows of a Parquet file. */
export async function countParquetRows(path: string): Promise<number> {
  return Number((await openParquet(path)).metadata.num_rows);
}

/** Rows of each row group of a Parquet file, in order: what can be read without decoding the rest. */
export async function parquetRowGroups(path: string): Promise<number[]> {
  return (await openParquet(path)).metadata.row_groups.map(({ num_rows }) => Number(num_rows));
}

/**
 * A column of text of a Parquet file, row by row.
 *
 * @param column its name; dots reach into structs
 * @throws {EmbedlaneError} `ERR_IO` if the file cannot be read, `ERR_CORRUPT` if it is no Parquet file,
 *   `ERR_INVALID_ARG` with file and row, where the column has no string
 */
export async function* readParquetColumn(path: string, column: string): AsyncGenerator<string> {
  let row = 0;
  for await (const record of readParquetRows(path, { fields: [column] })) {
    row++;
    const value = fieldOf(record, column);
    if (typeof value === 'string') {
      yield value;
      continue;
    }
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected a string in column '${column}' at ${path}, row ${row} but received ${describe(value)}`,
    );
  }
}

/** Which rows and columns of a Parquet file. */
export interface ParquetPart {
  /** Fields whose columns are read; dots reach into structs. @default all */
  fields?: readonly string[];
  /** Whether byte arrays that do not say that they are texts are read as such. @default true */
  utf8?: boolean;
  /** @default 0 */
  start?: number;
  /** @default the end */
  end?: number;
  /** Lets no page be decoded but those of the rows. Without it, one that ends where the rows start may be as well. */
  pages?: ParquetPages;
}

/**
 * Rows of a Parquet file as objects, some thousands in memory at a time.
 *
 * @throws {EmbedlaneError} `ERR_IO` if the file cannot be read, `ERR_CORRUPT` if it is no Parquet file,
 *   `ERR_INVALID_ARG` for a column that it does not have
 */
export async function* readParquetRows(
  path: string,
  { fields, utf8 = true, start = 0, end, pages }: ParquetPart = {},
): AsyncGenerator<Record<string, unknown>> {
  const { file, metadata } = await openParquet(path);
  const { parquetReadObjects } = await import('hyparquet');
  const columns = await columnsOf(path, metadata, fields);
  const where = {
    file,
    metadata,
    columns,
    parsers: PARSERS,
    ...(pages && { pageLocationsByGroup: pages.locations }),
  };
  const total = Math.min(Number(metadata.num_rows), end ?? Infinity);
  for (let rowStart = start; rowStart < total; rowStart += ROWS) {
    const rowEnd = Math.min(total, rowStart + ROWS);
    yield* await reading(path, () =>
      parquetReadObjects({ ...where, utf8, rowStart, rowEnd, compressors: COMPRESSORS }),
    );
  }
}

/** Where the pages are that have rows from `start` up to `end`. */
export async function parquetPages(
  path: string,
  { fields, start, end }: Required<Pick<ParquetPart, 'fields' | 'start' | 'end'>>,
): Promise<ParquetPages> {
  const { file, metadata } = await openParquet(path);
  const columns = await columnsOf(path, metadata, fields);
  return reading(path, () => findPages(file, metadata, { columns, start, end }));
}

/** Names of the columns that have the fields; of all columns, without fields. */
async function columnsOf(
  path: string,
  metadata: FileMetaData,
  fields: readonly string[] | undefined,
): Promise<string[]> {
  const { parquetSchema } = await import('hyparquet');
  const there = parquetSchema(metadata).children.map(({ element }) => element.name);
  if (fields === undefined) return there;
  const columns = Array.from(new Set(fields.map((field) => field.split('.')[0])));
  const missing = columns.find((column) => !there.includes(column));
  if (missing === undefined) return columns;
  throw new EmbedlaneError(
    'ERR_INVALID_ARG',
    `Expected one of the columns ${there.join(', ')} of ${path} for a field but received '${missing}'`,
  );
}

async function openParquet(path: string): Promise<{ file: AsyncBuffer; metadata: FileMetaData }> {
  const { asyncBufferFromFile, parquetMetadataAsync } = await import('hyparquet');
  let file: AsyncBuffer;
  try {
    file = await asyncBufferFromFile(path);
  } catch (error) {
    throw ioError('a readable file', path, error);
  }
  return { file, metadata: await reading(path, () => parquetMetadataAsync(file)) };
}

async function reading<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).syscall !== undefined) throw ioError('a readable file', path, cause);
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EmbedlaneError('ERR_CORRUPT', `Expected a Parquet file at ${path} but received: ${reason}`, {
      cause,
    });
  }
}

/** A byte order mark is one at the beginning of a file, and text at that of a value. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

const PARSERS: Partial<ParquetParsers> = {
  // A null comes as undefined.
  stringFromBytes: (bytes) => bytes && decoder.decode(bytes),
};

/** Besides Snappy, which hyparquet has itself. Node's own zstd came with version 22.15. */
const COMPRESSORS: Compressors = {
  GZIP: (input) => gunzipSync(input),
  BROTLI: (input) => brotliDecompressSync(input),
  ZSTD: (input, outputLength) => decompress(input, new Uint8Array(outputLength)),
};
