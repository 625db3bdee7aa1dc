import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { isAbsolute, join, normalize, sep } from 'node:path';
import { EmbedlaneError, invalidArgument } from '../core/errors.js';
import { io } from '../core/io.js';
import { parseJsonLine } from '../files/jsonl.js';
import { parquetPages, readParquetRows } from '../files/parquet.js';
import { endOfPage } from '../files/parquet-pages.js';
import type { StoreRecord } from '../stores/index.js';
import { readFields } from './row-fields.js';
import { LINE_FEED, parquetDigest, SPACE } from './shards.js';
import type { JobRecord, JobSpec, Shard } from './types.js';

/** A row of a shard: a record, or why there is none. */
export interface ShardRow {
  readonly place: string;
  readonly record: StoreRecord | undefined;
  readonly error?: unknown;
}

/**
 * A shard whose input is at hand, as it was when the job was submitted. A row is parsed when it is asked for and not
 * before, so that one that is too much for a worker ends it when the worker has noted that it is at this row.
 */
export interface OpenShard {
  /** Where row `i` is, and its id if that is known without parsing it. */
  name(i: number): { place: string; id?: string };
  /** Rows from `start` up to `end`. */
  read(start: number, end: number): Promise<ShardRow[]>;
  /** Whether several rows are decoded together before one of them is parsed. */
  readonly hasPages: boolean;
  /** Where the rows end that are decoded together with row `i`. */
  endOfPage(i: number): number;
}

/** What has no pages. */
const ROW_BY_ROW = { hasPages: false, endOfPage: (i: number) => i + 1 };

type FileShard = Exclude<Shard, { kind: 'rows' }>;

/**
 * Opens a shard.
 *
 * @param root where the job's folder is on this machine
 * @param apart whether no page is to be decoded but those of the rows that are read
 * @throws {EmbedlaneError} `ERR_IO`; `ERR_CONFLICT` if the file is not what it was when the job was submitted
 */
export async function openShard(
  shard: Shard,
  spec: JobSpec,
  root: string,
  apart: boolean,
): Promise<OpenShard> {
  if (shard.kind === 'rows') return carriedRows(shard, spec);
  const path = below(root, shard.file);
  return shard.kind === 'parquet' ? openParquet(path, shard, spec, apart) : openLines(path, shard, spec);
}

/** What `embedlane search` asks a record for. */
const about = ({ model, dtype }: JobSpec) => ({ model, dtype });

function carriedRows({ rows, before }: Extract<Shard, { kind: 'rows' }>, spec: JobSpec): OpenShard {
  const name = (i: number) => {
    const place = `rows#${before + i + 1}`;
    return { place, id: rows[i].id ?? place };
  };
  const read = ({ text, metadata }: JobRecord, i: number): ShardRow => {
    const { place, id } = name(i);
    return row(place, () => ({ id, text, metadata: { ...metadata, ...about(spec) } }));
  };
  return {
    ...ROW_BY_ROW,
    name,
    read: async (start, end) => rows.slice(start, end).map((raw, i) => read(raw, start + i)),
  };
}

/** A line of a shard: its number in the file, and where it is in the shard's bytes. */
interface LineAt {
  readonly number: number;
  readonly start: number;
  readonly end: number;
}

async function openLines(path: string, shard: FileShard, spec: JobSpec): Promise<OpenShard> {
  const { file } = shard;
  const bytes = await readBytes(path, shard);
  if (createHash('sha256').update(bytes).digest('hex') !== shard.digest) throw changed(shard);
  const lines = Array.from(linesOf(bytes, shard.before));
  const placeOf = ({ number }: LineAt) => `${file}#${number}`;
  const isNamed = shard.kind === 'jsonl' && spec.fields.id !== undefined;
  const read = (line: LineAt): ShardRow => {
    const place = placeOf(line);
    const { number } = line;
    return row(place, () => {
      const text = decode(bytes.subarray(line.start, line.end), shard.start + line.start === 0);
      return shard.kind === 'jsonl'
        ? fromFields(parseJsonLine({ text, file, number }), place, number, shard, spec)
        : { id: place, text, metadata: { ...about(spec), file, line: number } };
    });
  };
  return {
    ...ROW_BY_ROW,
    name(i) {
      const place = placeOf(lines[i]);
      return isNamed ? { place } : { place, id: place };
    },
    read: async (start, end) => lines.slice(start, end).map(read),
  };
}

const CARRIAGE_RETURN = 0x0d;

/** The lines that are rows: as the cutter sees it, which takes them for blank by their bytes. */
function* linesOf(bytes: Uint8Array, before: number): Generator<LineAt> {
  for (let start = 0, number = before + 1; start < bytes.length; number++) {
    const found = bytes.indexOf(LINE_FEED, start);
    const next = found < 0 ? bytes.length : found + 1;
    let end = found < 0 ? bytes.length : found;
    if (end > start && bytes[end - 1] === CARRIAGE_RETURN) end--;
    let first = start;
    while (first < end && bytes[first] <= SPACE) first++;
    if (first < end) yield { number, start, end };
    start = next;
  }
}

/** A byte order mark is one at the beginning of a file, and text elsewhere. */
function decode(bytes: Uint8Array, isBeginning: boolean): string {
  return new TextDecoder('utf-8', { ignoreBOM: !isBeginning }).decode(bytes);
}

async function readBytes(path: string, { start, end, ...shard }: FileShard): Promise<Buffer> {
  const handle = await io(path, () => open(path));
  try {
    const bytes = Buffer.alloc(end - start);
    for (let done = 0; done < bytes.length; ) {
      const { bytesRead } = await io(path, () => handle.read(bytes, done, bytes.length - done, start + done));
      if (bytesRead === 0) throw changed(shard);
      done += bytesRead;
    }
    return bytes;
  } finally {
    await handle.close();
  }
}

async function openParquet(
  path: string,
  shard: FileShard,
  spec: JobSpec,
  apart: boolean,
): Promise<OpenShard> {
  if ((await parquetDigest(path)) !== shard.digest) throw changed(shard);
  const { text, id, metadata } = spec.fields;
  const fields = [text, ...(id === undefined ? [] : [id]), ...metadata];
  const pages = apart ? await parquetPages(path, { fields, start: shard.start, end: shard.end }) : undefined;
  const placeOf = (i: number) => `${shard.file}#${shard.before + i + 1}`;
  return {
    hasPages: true,
    endOfPage: (i) => (pages === undefined ? i + 1 : endOfPage(pages, shard.start + i) - shard.start),
    name(i) {
      const place = placeOf(i);
      return id === undefined ? { place, id: place } : { place };
    },
    async read(start, end) {
      const part = { fields, pages, start: shard.start + start, end: shard.start + end };
      const rows: ShardRow[] = [];
      for await (const record of readParquetRows(path, part)) {
        const i = start + rows.length;
        rows.push(row(placeOf(i), () => fromFields(record, placeOf(i), shard.before + i + 1, shard, spec)));
      }
      return rows;
    },
  };
}

function row(place: string, make: () => StoreRecord): ShardRow {
  try {
    return { place, record: make() };
  } catch (error) {
    return { place, record: undefined, error };
  }
}

function fromFields(
  raw: unknown,
  place: string,
  line: number,
  { file }: FileShard,
  spec: JobSpec,
): StoreRecord {
  const { id = place, text, metadata } = readFields(raw, spec.fields, place);
  return { id, text, metadata: { ...metadata, ...about(spec), file, line } };
}

/** Names come from Redis: whoever writes there must not make workers read just any file. */
function below(root: string, file: string): string {
  const name = normalize(file);
  if (!isAbsolute(name) && name !== '..' && !name.startsWith(`..${sep}`)) return join(root, name);
  throw invalidArgument("a shard's file", "a name below the job's folder", file);
}

function changed({ file }: Pick<FileShard, 'file'>): EmbedlaneError {
  return new EmbedlaneError(
    'ERR_CONFLICT',
    `Expected ${file} as it was when the job was submitted but received another one; submit it as a new job`,
  );
}
