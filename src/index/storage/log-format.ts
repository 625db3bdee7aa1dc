import type { Contents } from '../contents.js';
import { encodeIds } from '../ids/codec.js';
import { corrupt, crc32c, ENDIAN_TAG, wrongVersion } from './format.js';

// The log holds the changes since the last segment was written, as batches of records. A batch is its `rows` and
// `removed` records and a `commit` record, written together and then synced, before the next batch is begun. So
// after a crash only the last batch can be incomplete, and a batch without its commit never happened.

export const LOG_HEADER_BYTES = 32;
const LOG_VERSION = 1;
const MAGIC = Buffer.from('\x89EMBLOG\x1a', 'latin1');

export const RECORD = { rows: 1, removed: 2, commit: 3 } as const;
/** uint32 payload length, uint32 CRC-32C of all that follows, uint32 type, uint32 count, uint64 batch number. */
export const RECORD_HEAD_BYTES = 24;
export const COMMIT_PAYLOAD_BYTES = 24;
/** Records are at most about so long, so that writing one and checking one takes about a millisecond. */
const RECORD_BYTES = 2 ** 20;
/** Most rows of one record, because each may have an id of three kilobytes. */
const MAX_RECORD_ROWS = 1024;
/** Longer payloads are not ours. */
export const MAX_PAYLOAD_BYTES = 16 * 2 ** 20;

/** What a commit record says about the state that it completes. */
export interface Commit {
  /** Rows in segments and log, removed ones included. */
  rows: number;
  live: number;
  nextId: number;
}

export function encodeLogHeader(id: string): Buffer {
  const header = Buffer.alloc(LOG_HEADER_BYTES);
  MAGIC.copy(header);
  header.writeUInt32LE(LOG_VERSION, 8);
  header.writeUInt32LE(ENDIAN_TAG, 12);
  header.write(id, 16, 'hex');
  header.writeUInt32LE(crc32c(header.subarray(0, LOG_HEADER_BYTES - 4)), LOG_HEADER_BYTES - 4);
  return header;
}

export function checkLogHeader(header: Buffer, id: string, path: string): void {
  if (header.length < LOG_HEADER_BYTES || !header.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw corrupt(path, 'the log of an index', 'another file');
  }
  if (header.readUInt32LE(LOG_HEADER_BYTES - 4) !== crc32c(header.subarray(0, LOG_HEADER_BYTES - 4))) {
    throw corrupt(path, 'a header with its checksum', 'a damaged one');
  }
  const version = header.readUInt32LE(8);
  if (version > LOG_VERSION) throw wrongVersion(path, version);
  if (header.readUInt32LE(12) !== ENDIAN_TAG || header.toString('hex', 16, 24) !== id) {
    throw corrupt(path, 'the log that the manifest names', 'another log');
  }
}

function record(type: number, count: number, batch: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(RECORD_HEAD_BYTES);
  head.writeUInt32LE(payload.length, 0);
  head.writeUInt32LE(type, 8);
  head.writeUInt32LE(count, 12);
  head.writeBigUInt64LE(BigInt(batch), 16);
  head.writeUInt32LE(crc32c(payload, crc32c(head.subarray(8))), 4);
  return Buffer.concat([head, payload, Buffer.alloc(-payload.length & 7)]);
}

/** The records of a batch, one after the other. */
export function* encodeBatch(
  batch: number,
  contents: Contents,
  rows: { start: number; end: number },
  removed: readonly number[],
  commit: Commit,
): Generator<Buffer> {
  const { stride } = contents.rows;
  const step = Math.min(MAX_RECORD_ROWS, Math.max(1, Math.floor(RECORD_BYTES / stride)));
  for (let start = rows.start; start < rows.end; start += step) {
    const count = Math.min(step, rows.end - start);
    const { bytes, scales } = contents.gather(Uint32Array.from({ length: count }, (_, i) => start + i));
    const ids = encodeIds(contents.ids.slice(start, start + count));
    const scaleBytes = Buffer.from(scales?.buffer ?? new ArrayBuffer(0));
    yield record(RECORD.rows, count, batch, Buffer.concat([ids, bytes, scaleBytes]));
  }
  for (let start = 0; start < removed.length; start += RECORD_BYTES / 4) {
    const part = Uint32Array.from(removed.slice(start, start + RECORD_BYTES / 4));
    yield record(RECORD.removed, part.length, batch, Buffer.from(part.buffer));
  }
  const payload = Buffer.alloc(COMMIT_PAYLOAD_BYTES);
  payload.writeBigUInt64LE(BigInt(commit.rows), 0);
  payload.writeBigUInt64LE(BigInt(commit.live), 8);
  payload.writeBigInt64LE(BigInt(commit.nextId), 16);
  yield record(RECORD.commit, 0, batch, payload);
}
