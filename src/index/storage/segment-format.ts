import { type Acceleration, CODE_FLOATS, codeStride, storedStride } from '../../native/row-store.js';
import { hasScales, MAX_ROWS } from '../contents.js';
import { INDEX_DTYPES, type IndexDtype, MAX_DIMS } from '../spec.js';
import { corrupt, crc32c, ENDIAN_TAG, FORMAT_VERSION, roundUp, wrongVersion } from './format.js';

/** Length of the header page. Its last four bytes are the CRC-32C of the others. */
export const HEADER_BYTES = 4096;
/** As PNG's: a transfer that changes line ends or strips the eighth bit changes it. */
const MAGIC = Buffer.from('\x89EMBSEG\x1a', 'latin1');
/** Rows begin at a multiple of this, in the file and in memory. */
const ALIGNMENT = 64;
/** Rows of about so many bytes have one checksum. */
const BLOCK_BYTES = 64 * 1024;
/** Codes have a checksum for each so many bytes. */
export const CODE_BLOCK_BYTES = 64 * 1024;
/** Files hold the numbers of this order. */
const CODES = [null, 'int8', 'binary'] as const satisfies readonly (Acceleration | null)[];

/** What the header page of a segment says. */
export interface SegmentHeader {
  id: string;
  dtype: IndexDtype;
  dims: number;
  rows: number;
  /** The codes that it has of its rows. */
  codes: Acceleration | null;
  /** Length and CRC-32C of the ids. */
  idBytes: number;
  idCrc: number;
  /** CRC-32C of the table of the rows' and the codes' checksums and of the scales behind it. */
  tableCrc: number;
}

/** Where everything is: a function of the header, so that no offset in a file is ever believed. */
export interface SegmentLayout {
  /** Bytes from row to row. */
  stride: number;
  rowsOffset: number;
  /** Rows under one checksum. */
  blockRows: number;
  blocks: number;
  /** Codes of all rows, then their floats. */
  codesOffset: number;
  codesBytes: number;
  codeStride: number;
  codeBlocks: number;
  tableOffset: number;
  scalesOffset: number;
  idsOffset: number;
  fileBytes: number;
}

export function segmentLayout(
  { dims, dtype, codes }: Pick<SegmentHeader, 'dims' | 'dtype' | 'codes'>,
  rows: number,
  idBytes: number,
): SegmentLayout {
  const stride = storedStride(dtype, dims);
  const rowsOffset = HEADER_BYTES;
  const blockRows = Math.max(1, Math.floor(BLOCK_BYTES / stride));
  const blocks = Math.ceil(rows / blockRows);
  const codesOffset = rowsOffset + rows * stride;
  const bytesOfCodes = codes === null ? 0 : codeStride(codes, dims);
  const codesBytes = rows * (bytesOfCodes + (codes === 'int8' ? 4 * CODE_FLOATS : 0));
  const codeBlocks = Math.ceil(codesBytes / CODE_BLOCK_BYTES);
  const tableOffset = codesOffset + codesBytes;
  const scalesOffset = tableOffset + (blocks + codeBlocks) * 4;
  const idsOffset = roundUp(scalesOffset + (hasScales({ dtype }) ? rows * 4 : 0), ALIGNMENT);
  return {
    stride,
    rowsOffset,
    blockRows,
    blocks,
    codesOffset,
    codesBytes,
    codeStride: bytesOfCodes,
    codeBlocks,
    tableOffset,
    scalesOffset,
    idsOffset,
    fileBytes: idsOffset + idBytes,
  };
}

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
