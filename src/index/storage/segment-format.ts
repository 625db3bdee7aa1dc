import type { Acceleration } from '../../native/row-store.js';
import { MAX_ROWS } from '../contents.js';
import { INDEX_DTYPES, MAX_DIMS } from '../spec.js';
import { corrupt, crc32c, ENDIAN_TAG, FORMAT_VERSION, wrongVersion } from './format.js';
import { HEADER_BYTES, type SegmentHeader, segmentLayout } from './segment-layout.js';

/** As PNG's: a transfer that changes line ends or strips the eighth bit changes it. */
const MAGIC = Buffer.from('\x89EMBSEG\x1a', 'latin1');
/** Files hold the numbers of this order. */
const CODES = [null, 'int8', 'binary'] as const satisfies readonly (Acceleration | null)[];

/** Offsets of the header's fields. */
const AT = {
  magic: 0,
  version: 8,
  endian: 12,
  fileBytes: 16,
  id: 24,
  dtype: 32,
  dims: 36,
  rows: 40,
  idBytes: 48,
  idCrc: 56,
  tableCrc: 60,
  codes: 64,
  crc: HEADER_BYTES - 4,
} as const;

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const page = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(page, AT.magic);
  page.writeUInt32LE(header.codes === null ? 1 : FORMAT_VERSION, AT.version);
  page.writeUInt32LE(ENDIAN_TAG, AT.endian);
  page.writeBigUInt64LE(BigInt(segmentLayout(header, header.rows, header.idBytes).fileBytes), AT.fileBytes);
  page.write(header.id, AT.id, 'hex');
  page.writeUInt32LE(INDEX_DTYPES.indexOf(header.dtype), AT.dtype);
  page.writeUInt32LE(header.dims, AT.dims);
  page.writeBigUInt64LE(BigInt(header.rows), AT.rows);
  page.writeBigUInt64LE(BigInt(header.idBytes), AT.idBytes);
  page.writeUInt32LE(header.idCrc, AT.idCrc);
  page.writeUInt32LE(header.tableCrc, AT.tableCrc);
  page.writeUInt32LE(CODES.indexOf(header.codes), AT.codes);
  page.writeUInt32LE(crc32c(page.subarray(0, AT.crc)), AT.crc);
  return page;
}

/**
 * Reads a header page.
 *
 * @param fileBytes the file's true length
 * @throws {EmbedlaneError} `ERR_CORRUPT`, or `ERR_VERSION` for an intact page of a later version
 */
export function parseSegmentHeader(page: Buffer, fileBytes: number, path: string): SegmentHeader {
  if (page.length < HEADER_BYTES || !page.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw corrupt(path, 'a segment of an index', 'another file');
  }
  if (page.readUInt32LE(AT.crc) !== crc32c(page.subarray(0, AT.crc))) {
    throw corrupt(path, 'a header with its checksum', 'a damaged one');
  }
  const version = page.readUInt32LE(AT.version);
  if (version > FORMAT_VERSION) throw wrongVersion(path, version);
  const header: SegmentHeader = {
    id: page.toString('hex', AT.id, AT.id + 8),
    dtype: INDEX_DTYPES[page.readUInt32LE(AT.dtype)],
    dims: page.readUInt32LE(AT.dims),
    rows: Number(page.readBigUInt64LE(AT.rows)),
    codes: CODES[page.readUInt32LE(AT.codes)],
    idBytes: Number(page.readBigUInt64LE(AT.idBytes)),
    idCrc: page.readUInt32LE(AT.idCrc),
    tableCrc: page.readUInt32LE(AT.tableCrc),
  };
  const { dims, rows, idBytes } = header;
  const inRange =
    version >= 1 &&
    page.readUInt32LE(AT.endian) === ENDIAN_TAG &&
    header.dtype !== undefined &&
    header.codes !== undefined &&
    (header.codes === null || header.dtype === 'f32') &&
    dims >= 1 &&
    dims <= MAX_DIMS &&
    rows >= 1 &&
    rows <= MAX_ROWS &&
    Number.isSafeInteger(idBytes);
  if (!inRange) throw corrupt(path, 'a header with values in range', 'others');
  const expected = segmentLayout(header, rows, idBytes).fileBytes;
  if (Number(page.readBigUInt64LE(AT.fileBytes)) !== expected || fileBytes !== expected) {
    throw corrupt(path, `${expected} bytes`, `${fileBytes}`);
  }
  return header;
}
