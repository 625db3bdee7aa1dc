import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { EmbedlaneError, invalidArgument } from '../core/errors.js';
import { io, ioError } from '../core/io.js';
import { until } from '../core/stream-parts.js';
import { optionsObject } from '../core/validate.js';
import { isJsonl } from '../files/jsonl.js';
import { requireUtf8 } from '../files/lines.js';
import { isParquet, parquetRowGroups } from '../files/parquet.js';
import type { JobRecord, JobSpec, Shard } from './types.js';

export const LINE_FEED = 0x0a;
/** A line of bytes up to this is blank, and no row. */
export const SPACE = 0x20;
/** Longest line: it must fit into a worker's memory. */
const MAX_LINE_BYTES = 64 * 2 ** 20;
/** The end of a Parquet file that is hashed: its directory, or the most of it. */
const DIRECTORY_BYTES = 64 * 1024;

/** Cuts the inputs of a job, read once from end to end, so that each shard has whole rows of one file. */
export async function* cutInputs({ root, inputs, ...limits }: JobSpec): AsyncGenerator<Shard> {
  for (const { name: file } of inputs) {
    if (isParquet(file)) yield* cutParquet(root, file, limits);
    else yield* cutLines(root, file, limits);
  }
}

type Limits = Pick<JobSpec, 'shardRows' | 'shardBytes'>;

async function* cutLines(
  root: string,
  file: string,
  { shardRows, shardBytes }: Limits,
): AsyncGenerator<Shard> {
  const kind = isJsonl(file) ? 'jsonl' : 'lines';
  const path = join(root, file);
  let start = 0;
  let end = 0;
  let before = 0;
  let lines = 0;
  let items = 0;
  let lineBytes = 0;
  let isBlank = true;
  let hash = createHash('sha256');
  const shard = (): Shard => {
    const done = { kind, file, start, end, before, items, digest: hash.digest('hex') } as const;
    hash = createHash('sha256');
    start = end;
    before += lines;
    lines = 0;
    items = 0;
    return done;
  };
  const endLine = () => {
    lines++;
    if (!isBlank) items++;
    isBlank = true;
    lineBytes = 0;
  };
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 18 }) as AsyncIterable<Buffer>) {
      if (end === 0) requireUtf8(chunk, path);
      for (let at = 0; at < chunk.length; ) {
        const found = chunk.indexOf(LINE_FEED, at);
        const to = found < 0 ? chunk.length : found + 1;
        for (let i = at; isBlank && i < to; i++) isBlank = chunk[i] <= SPACE;
        hash.update(chunk.subarray(at, to));
        end += to - at;
        lineBytes += to - at;
        at = to;
        if (lineBytes > MAX_LINE_BYTES) throw tooLong(path, before + lines + 1);
        if (found < 0) break;
        endLine();
        if (lines >= shardRows || end - start >= shardBytes) yield shard();
      }
    }
  } catch (error) {
    throw ioError('a readable file', path, error);
  }
  if (lineBytes > 0) endLine();
  if (end > start) yield shard();
}

function tooLong(path: string, line: number): EmbedlaneError {
  return new EmbedlaneError(
    'ERR_IO',
    `Expected lines of at most ${MAX_LINE_BYTES} bytes in ${path} but received a longer line ${line}`,
  );
}

/** Row groups, since to read a part of one is to decode it; large ones in pieces nevertheless. */
async function* cutParquet(root: string, file: string, { shardRows }: Limits): AsyncGenerator<Shard> {
  const path = join(root, file);
  const digest = await parquetDigest(path);
  let start = 0;
  for (const rows of await parquetRowGroups(path)) {
    for (const groupEnd = start + rows; start < groupEnd; ) {
      const end = Math.min(groupEnd, start + shardRows);
      yield { kind: 'parquet', file, start, end, before: start, items: end - start, digest };
      start = end;
    }
  }
}

/** Tells a Parquet file from another one: SHA-256 of its length and its end. */
export async function parquetDigest(path: string): Promise<string> {
  const handle = await io(path, () => open(path));
  try {
    const { size } = await io(path, () => handle.stat());
    const bytes = Buffer.alloc(Math.min(size, DIRECTORY_BYTES));
    await io(path, () => handle.read(bytes, 0, bytes.length, size - bytes.length));
    return createHash('sha256').update(`${size}:`).update(bytes).digest('hex');
  } finally {
    await handle.close();
  }
}

/**
 * Packs rows that travel in the queue.
 *
 * @param signal ends the wait for a source that is silent
 * @throws {EmbedlaneError} `ERR_INVALID_ARG` for what is no record; what its fields may be, the store knows; `ERR_ABORTED`
 */
export async function* packRecords(
  records: Iterable<JobRecord> | AsyncIterable<JobRecord>,
  { shardRows, shardBytes }: Limits,
  signal?: AbortSignal,
): AsyncGenerator<Shard> {
  let rows: JobRecord[] = [];
  let bytes = 0;
  let before = 0;
  for await (const record of until(records, signal)) {
    bytes += recordBytes(record, before + rows.length);
    rows.push(record);
    if (rows.length < shardRows && bytes < shardBytes) continue;
    yield { kind: 'rows', before, items: rows.length, rows };
    before += rows.length;
    rows = [];
    bytes = 0;
  }
  if (rows.length > 0) yield { kind: 'rows', before, items: rows.length, rows };
}

/** Of a record, which is checked, as JSON. */
function recordBytes(record: JobRecord, place: number): number {
  const { text, metadata = {} } = optionsObject<JobRecord>(`request.records[${place}]`, record, [
    'id',
    'text',
    'metadata',
  ]);
  if (typeof text !== 'string') throw invalidArgument(`request.records[${place}].text`, 'a string', text);
  if (metadata === null || typeof metadata !== 'object' || Array.isArray(metadata)) {
    throw invalidArgument(`request.records[${place}].metadata`, 'an object', metadata);
  }
  try {
    return Buffer.byteLength(JSON.stringify(record));
  } catch (cause) {
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected what JSON can say for request.records[${place}] but received something else: ${(cause as Error).message}`,
      { cause },
    );
  }
}
