import { join } from 'node:path';
import { EmbedlaneError } from '../../core/errors.js';
import { type Contents, hasScales } from '../contents.js';
import { decodeIds } from '../ids/codec.js';
import { isNextId } from '../ids/id.js';
import { withFile } from './files.js';
import { corrupt, crc32c, logName } from './format.js';
import {
  COMMIT_PAYLOAD_BYTES,
  type Commit,
  checkLogHeader,
  LOG_HEADER_BYTES,
  MAX_PAYLOAD_BYTES,
  RECORD,
  RECORD_HEAD_BYTES,
} from './log-format.js';
import type { LogReference } from './manifest.js';

/** How far a log is good. */
export interface LogEnd {
  /** Length up to the last complete batch. */
  bytes: number;
  /** Length of the file: what lies between was being written when its writer ended. */
  fileBytes: number;
  /** Number of the last complete batch. */
  batch: number;
}

interface LogRecord {
  type: number;
  count: number;
  batch: number;
  payload: Buffer;
  /** Where the next record begins. */
  end: number;
}

/**
 * Applies the complete batches of a log to the rows of the segments.
 *
 * An incomplete batch at the end is what a crash leaves, and is ignored. Anything else that is wrong is damage:
 * before the length that the manifest vouches for, or before a later batch, which would not have been begun.
 *
 * @throws {EmbedlaneError} `ERR_CORRUPT`, `ERR_VERSION`, `ERR_IO`
 */
export async function replayLog(
  folder: string,
  reference: LogReference,
  contents: Contents,
): Promise<LogEnd> {
  const path = join(folder, logName(reference.id));
  const bytes = await readLog(path);
  if (bytes.length < reference.bytes) throw corrupt(path, `${reference.bytes} bytes`, `${bytes.length}`);
  checkLogHeader(bytes.subarray(0, LOG_HEADER_BYTES), reference.id, path);
  let good = LOG_HEADER_BYTES;
  let at = LOG_HEADER_BYTES;
  let batch = 0;
  let records: LogRecord[] = [];
  while (at < bytes.length) {
    const record = parseRecord(bytes, at);
    if (record === undefined || record.batch !== batch + 1) {
      if (at < reference.bytes || hasLaterBatch(bytes, at, batch + 2)) {
        throw corrupt(path, `a record at ${at}`, 'damage');
      }
      break;
    }
    at = record.end;
    records.push(record);
    if (record.type !== RECORD.commit) continue;
    applyBatch(contents, records, path);
    records = [];
    good = at;
    batch++;
  }
  if (good < reference.bytes) throw corrupt(path, `whole batches up to ${reference.bytes}`, `${good} bytes`);
  return { bytes: good, fileBytes: bytes.length, batch };
}

async function readLog(path: string): Promise<Buffer> {
  return withFile(path, 'r', async (file) => {
    const size = await file.size();
    let bytes: Buffer<ArrayBuffer>;
    try {
      bytes = Buffer.alloc(size);
    } catch (cause) {
      throw new EmbedlaneError('ERR_RUNTIME', `${size} bytes of ${path} do not fit memory`, { cause });
    }
    // Its writer may be at work: what is appended from now on belongs to a later look.
    return bytes.subarray(0, await file.read(bytes, 0));
  });
}

function parseRecord(bytes: Buffer, at: number): LogRecord | undefined {
  if (bytes.length - at < RECORD_HEAD_BYTES) return;
  const length = bytes.readUInt32LE(at);
  const padded = length + (-length & 7);
  const start = at + RECORD_HEAD_BYTES;
  if (length > MAX_PAYLOAD_BYTES || padded > bytes.length - start) return;
  if (bytes.readUInt32LE(at + 4) !== crc32c(bytes.subarray(at + 8, start + length))) return;
  return {
    type: bytes.readUInt32LE(at + 8),
    count: bytes.readUInt32LE(at + 12),
    batch: Number(bytes.readBigUInt64LE(at + 16)),
    payload: bytes.subarray(start, start + length),
    end: start + padded,
  };
}

/** Whether a commit record of batch `batch` or a later one stands anywhere behind `from`. */
function hasLaterBatch(bytes: Buffer, from: number, batch: number): boolean {
  for (let at = from; at + RECORD_HEAD_BYTES + COMMIT_PAYLOAD_BYTES <= bytes.length; at += 8) {
    if (bytes.readUInt32LE(at) !== COMMIT_PAYLOAD_BYTES || bytes.readUInt32LE(at + 8) !== RECORD.commit)
      continue;
    const record = parseRecord(bytes, at);
    if (record !== undefined && record.batch >= batch) return true;
  }
  return false;
}

/** Applies the records of one batch, all of whose checksums are right. */
function applyBatch(contents: Contents, records: readonly LogRecord[], path: string): void {
  for (const { type, count, payload } of records) {
    if (type === RECORD.rows) addRows(contents, count, payload, path);
    else if (type === RECORD.removed) removeRows(contents, count, payload, path);
    else if (type === RECORD.commit) checkCommit(contents, payload, path);
    else throw corrupt(path, 'records of known types', `type ${type}`);
  }
}

function addRows(contents: Contents, count: number, payload: Buffer, path: string): void {
  const ids = decodeIds(payload, count);
  const scales = hasScales(contents.spec) ? new Float32Array(count) : null;
  const scalesAt = (ids?.length ?? 0) + count * contents.rows.stride;
  if (ids === undefined || payload.length !== scalesAt + (scales?.byteLength ?? 0)) {
    throw corrupt(path, `${count} ids and rows`, 'something else');
  }
  if (scales) Buffer.from(scales.buffer).set(payload.subarray(scalesAt));
  if (scales?.some((scale) => !(scale >= 0 && scale < Number.POSITIVE_INFINITY))) {
    throw corrupt(path, 'scales of rows', 'something else');
  }
  contents.rows.appendStored(payload.subarray(ids.length, scalesAt), scales);
  for (const column of ids.columns) contents.ids.addColumn(column);
  contents.live.extend(count);
}

function removeRows(contents: Contents, count: number, payload: Buffer, path: string): void {
  if (payload.length !== count * 4) throw corrupt(path, `${count} positions`, 'something else');
  for (let i = 0; i < count; i++) {
    const position = payload.readUInt32LE(i * 4);
    if (position >= contents.live.length || !contents.live.has(position)) {
      throw corrupt(path, 'positions of rows to remove', `${position}`);
    }
    contents.remove(position);
  }
}

function checkCommit(contents: Contents, payload: Buffer, path: string): void {
  if (payload.length !== COMMIT_PAYLOAD_BYTES) throw corrupt(path, 'a commit', 'something else');
  const commit: Commit = {
    rows: Number(payload.readBigUInt64LE(0)),
    live: Number(payload.readBigUInt64LE(8)),
    nextId: Number(payload.readBigInt64LE(16)),
  };
  const { live, ids } = contents;
  if (commit.rows !== live.length || commit.live !== live.count || !isNextId(commit.nextId)) {
    throw corrupt(path, `a commit of ${live.length} rows`, `one of ${commit.rows}`);
  }
  ids.nextId = Math.max(ids.nextId, commit.nextId);
}
