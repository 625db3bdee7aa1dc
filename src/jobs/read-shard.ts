import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { isAbsolute, join, normalize, sep } from 'node:path';
import { EmbedlaneError, invalidArgument } from '../core/errors.js';
import { io } from '../core/io.js';
import { fieldOf } from '../files/field.js';
import { parseJsonLine } from '../files/jsonl.js';
import { readParquetRows } from '../files/parquet.js';
import type { Metadata, MetadataValue, StoreRecord } from '../stores/index.js';
import { parquetDigest } from './shards.js';
import type { JobSpec, Shard } from './types.js';

/** A row of a shard: a record, or why there is none. */
export interface ShardRow {
  readonly place: string;
  readonly record: StoreRecord | undefined;
  readonly error?: unknown;
}

type FileShard = Exclude<Shard, { kind: 'rows' }>;

/**
 * Reads a shard.
 *
 * @param root where the job's folder is on this machine
 * @throws {EmbedlaneError} `ERR_IO`; `ERR_CONFLICT` if the file is not what it was when the job was submitted
 */
export async function readShard(shard: Shard, spec: JobSpec, root: string): Promise<ShardRow[]> {
  if (shard.kind === 'rows') {
    return shard.rows.map(({ id, text, metadata }, i) => {
      const place = `rows#${shard.before + i + 1}`;
      return row(place, () => ({ id: id ?? place, text, metadata: { ...metadata, ...about(spec) } }));
    });
  }
  const path = below(root, shard.file);
  return shard.kind === 'parquet' ? readParquet(path, shard, spec) : readLines(path, shard, spec);
}

/** What `embedlane search` asks a record for. */
const about = ({ model, dtype }: JobSpec) => ({ model, dtype });

async function readLines(path: string, shard: FileShard, spec: JobSpec): Promise<ShardRow[]> {
  const bytes = await readBytes(path, shard);
  if (createHash('sha256').update(bytes).digest('hex') !== shard.digest) throw changed(shard);
  const lines = new TextDecoder().decode(bytes).split('\n');
  return lines.flatMap((line, i) => {
    const text = line.endsWith('\r') ? line.slice(0, -1) : line;
    if (isBlank(text)) return [];
    const number = shard.before + i + 1;
    const place = `${shard.file}#${number}`;
    if (shard.kind === 'jsonl') {
      const read = () => parseJsonLine({ text, file: shard.file, number });
      return [row(place, () => fromFields(read(), place, number, shard, spec))];
    }
    const metadata = { ...about(spec), file: shard.file, line: number };
    return [row(place, () => ({ id: place, text, metadata }))];
  });
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

async function readParquet(path: string, shard: FileShard, spec: JobSpec): Promise<ShardRow[]> {
  if ((await parquetDigest(path)) !== shard.digest) throw changed(shard);
  const { text, id, metadata } = spec.fields;
  const fields = [text, ...(id === undefined ? [] : [id]), ...metadata];
  const rows: ShardRow[] = [];
  let number = shard.before;
  for await (const record of readParquetRows(path, { fields, start: shard.start, end: shard.end })) {
    number++;
    const [line, place] = [number, `${shard.file}#${number}`];
    rows.push(row(place, () => fromFields(record, place, line, shard, spec)));
  }
  return rows;
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
  const { fields } = spec;
  const text = fieldOf(raw, fields.text);
  if (typeof text !== 'string') throw invalidArgument(`field '${fields.text}' at ${place}`, 'a string', text);
  const copied = fields.metadata.flatMap((name): [string, MetadataValue][] => {
    const value = fieldOf(raw, name);
    if (value === undefined || value === null) return [];
    return [[name, (typeof value === 'bigint' ? Number(value) : value) as MetadataValue]];
  });
  const metadata: Metadata = { ...Object.fromEntries(copied), ...about(spec), file, line };
  return {
    id: fields.id === undefined ? place : ownId(fieldOf(raw, fields.id), fields.id, place),
    text,
    metadata,
  };
}

function ownId(value: unknown, field: string, place: string): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) return String(value);
  throw invalidArgument(`field '${field}' at ${place}`, 'a string or an integer', value);
}

/** As the cutter sees it, which counts rows by their bytes. */
function isBlank(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x20) return false;
  return true;
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
