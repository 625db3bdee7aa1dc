import { Pace } from '../../core/pace.js';
import type { PreparedRecord } from '../base/engine.js';
import type { CollectionInfo } from '../types.js';
import { pgType } from './types.js';

/**
 * Rows in the binary format of PostgreSQL's `COPY`.
 *
 * @see https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-BINARY-FORMAT
 */
const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
/** Flags and the length of an extension that is not there. */
const HEAD_BYTES = SIGNATURE.length + 8;
const FIELDS = 4;
const NO_FIELD = -1;
const JSONB_VERSION = 1;
const END = -1;

/**
 * The whole of a binary copy of the columns id, vector, document and metadata, in one buffer: a piece for every field
 * costs more than what is in it.
 *
 * @param spare is written to, if it is large enough
 */
export async function copyBinary(
  records: readonly PreparedRecord[],
  info: CollectionInfo,
  spare?: Buffer,
): Promise<Buffer> {
  const type = pgType(info);
  const pace = new Pace();
  // Two bytes for every UTF-16 unit above ASCII would not do; three always do.
  let bytes = HEAD_BYTES + 2;
  for (const { id, vector, document = '', metadataJson } of records) {
    const vectorBytes = type.binaryBytes(vector, info.dims);
    bytes += 2 + FIELDS * 4 + 1 + vectorBytes + 3 * (id.length + document.length + metadataJson.length);
    if (pace.due) await pace.turn();
  }
  const out = spare !== undefined && spare.length >= bytes ? spare : Buffer.allocUnsafeSlow(bytes);
  out.set(SIGNATURE);
  let at = out.fill(0, SIGNATURE.length, HEAD_BYTES) && HEAD_BYTES;
  const text = (value: string): void => {
    const length = out.write(value, at + 4);
    out.writeInt32BE(length, at);
    at += 4 + length;
  };
  for (const { id, vector, document, metadataJson } of records) {
    at = out.writeInt16BE(FIELDS, at);
    text(id);
    const vectorBytes = type.binaryBytes(vector, info.dims);
    at = out.writeInt32BE(vectorBytes, at);
    type.writeBinary(vector, info.dims, out, at);
    at += vectorBytes;
    if (document === undefined) at = out.writeInt32BE(NO_FIELD, at);
    else text(document);
    const start = at;
    at = out.writeInt8(JSONB_VERSION, at + 4);
    at += out.write(metadataJson, at);
    out.writeInt32BE(at - start - 4, start);
    if (pace.due) await pace.turn();
  }
  at = out.writeInt16BE(END, at);
  return out.subarray(0, at);
}
