import { type Acceleration, CODE_FLOATS, codeStride, storedStride } from '../../native/row-store.js';
import { hasScales } from '../contents.js';
import type { IndexDtype } from '../spec.js';
import { roundUp } from './format.js';

/** Length of the header page. Its last four bytes are the CRC-32C of the others. */
export const HEADER_BYTES = 4096;
/** Rows begin at a multiple of this, in the file and in memory. */
const ALIGNMENT = 64;
/** Rows of about so many bytes have one checksum. */
const BLOCK_BYTES = 64 * 1024;
/** Codes have a checksum for each so many bytes. */
export const CODE_BLOCK_BYTES = 64 * 1024;

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
