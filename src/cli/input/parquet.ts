import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { decompress } from 'fzstd';
import type { AsyncBuffer, Compressors, FileMetaData } from 'hyparquet';
import { describe, EmbedlaneError } from '../../core/errors.js';
import { ioError } from '../../core/io.js';

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

/**
 * A column of text of a Parquet file, row by row.
 *
 * @param column its name; dots reach into structs
 * @throws {EmbedlaneError} `ERR_IO` if the file cannot be read, `ERR_CORRUPT` if it is no Parquet file,
 *   `ERR_INVALID_ARG` with file and row, where the column has no string
 */
export async function* readParquetColumn(path: string, column: string): AsyncGenerator<string> {
  const { file, metadata } = await openParquet(path);
  const { parquetReadObjects, parquetSchema } = await import('hyparquet');
  const [top, ...nested] = column.split('.');
  const columns = parquetSchema(metadata).children.map(({ element }) => element.name);
  if (!columns.includes(top)) {
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected one of the columns ${columns.join(', ')} of ${path} for --field but received '${column}'`,
    );
  }
  const total = Number(metadata.num_rows);
  for (let rowStart = 0; rowStart < total; rowStart += ROWS) {
    const rowEnd = Math.min(total, rowStart + ROWS);
    const rows = await reading(path, () =>
      parquetReadObjects({ file, metadata, columns: [top], rowStart, rowEnd, compressors: COMPRESSORS }),
    );
    for (let i = 0; i < rowEnd - rowStart; i++) {
      yield text(rows[i], [top, ...nested], `${path}, row ${rowStart + i + 1}`, column);
    }
  }
}

function text(row: unknown, path: readonly string[], where: string, column: string): string {
  let value = row;
  for (const key of path) value = (value as Record<string, unknown> | null | undefined)?.[key];
  if (typeof value === 'string') return value;
  throw new EmbedlaneError(
    'ERR_INVALID_ARG',
    `Expected a string in column '${column}' at ${where} but received ${describe(value)}`,
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

/** Besides Snappy, which hyparquet has itself. Node's own zstd came with version 22.15. */
const COMPRESSORS: Compressors = {
  GZIP: (input) => gunzipSync(input),
  BROTLI: (input) => brotliDecompressSync(input),
  ZSTD: (input, outputLength) => decompress(input, new Uint8Array(outputLength)),
};
