import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { EmbedlaneError } from '../../core/errors.js';
import { type Contents, hasScales } from '../contents.js';
import { decodeIds } from '../ids/codec.js';
import type { IdColumn } from '../ids/columns.js';
import type { IndexSpec } from '../spec.js';
import { type OpenFile, withFile } from './files.js';
import { corrupt, crc32c, segmentName } from './format.js';
import type { SegmentReference } from './manifest.js';
import { parseSegmentHeader } from './segment-format.js';
import {
  CODE_BLOCK_BYTES,
  HEADER_BYTES,
  type SegmentHeader,
  type SegmentLayout,
  segmentLayout,
} from './segment-layout.js';

/** Bytes of rows that are read at a time. */
const READ_BYTES = 4 * 2 ** 20;
/** Blocks that are read without a pause while a segment is checked in the background: about a megabyte. */
const BLOCKS_BETWEEN_PAUSES = 16;
/** Blocks of rows of an index that are checked in any case, spread over its segments, and of each of these. */
const SAMPLE = 8;
const SEGMENT_SAMPLE = 2;
/** Rows between two turns of the event loop while codes are made: a few milliseconds. */
const PREPARED_ROWS = 4096;

export interface LoadOptions {
  /** Read the rows into memory, or map the file. */
  mode: 'mmap' | 'memory';
  /** Check all rows too, or a few of them; in memory they always are. */
  verify: 'lazy' | 'full';
}

/** A segment of which everything but the rows has been read and checked; a mapped one's rows, some or all of them too. */
export interface OpenSegment {
  readonly reference: SegmentReference;
  readonly frame: Frame;
}

/** Reads a segment's frame, and checks the rows of one that is to be mapped. */
export async function openSegment(
  folder: string,
  spec: IndexSpec & { readonly segments: readonly SegmentReference[] },
  reference: SegmentReference,
  { mode, verify }: LoadOptions,
): Promise<OpenSegment> {
  return withFile(join(folder, segmentName(reference.id)), 'r', async (file) => {
    const frame = await readFrame(file, spec, reference);
    const blocks = Math.max(SEGMENT_SAMPLE, Math.ceil(SAMPLE / spec.segments.length));
    for (const region of mode === 'memory' ? [] : frame.regions) {
      if (verify === 'full') await readRegion(file, region);
      else await checkSample(file, region, blocks);
    }
    return { reference, frame };
  });
}

/**
 * Adds the rows of a segment.
 *
 * @returns whether all rows are checked
 */
export async function addSegment(
  folder: string,
  { reference, frame }: OpenSegment,
  contents: Contents,
  { mode, verify }: LoadOptions,
): Promise<boolean> {
  const { layout, hasCodes, regions, scales, columns } = frame;
  const { id, rows, bytes } = reference;
  const path = join(folder, segmentName(id));
  if (mode === 'memory') {
    let row = 0;
    await withFile(path, 'r', async (file) => {
      await readRegion(file, regions[0], (part) => {
        const count = part.length / layout.stride;
        contents.rows.appendStored(part, scales?.subarray(row, row + count) ?? null);
        row += count;
      });
      for (const region of regions.slice(1)) await readRegion(file, region);
    });
  } else {
    const codes = hasCodes ? layout.codesOffset : 0;
    if (!contents.rows.map(path, bytes, layout.rowsOffset, codes, rows, scales)) {
      throw corrupt(path, `${bytes} bytes`, 'another length');
    }
    // Files of version 1 have no codes.
    while (contents.rows.prepare(PREPARED_ROWS)) await setImmediate();
  }
  for (const column of columns) contents.ids.addColumn(column);
  contents.live.extend(rows);
  return mode === 'memory' || verify === 'full';
}

/**
 * Reads and checks the rows of a segment, and what is kept of them besides, a part at a time.
 *
 * @param start blocks that are checked already
 * @param afterPart is told how many blocks are checked, and may pause; false ends it
 */
export async function checkSegment(
  folder: string,
  spec: IndexSpec,
  reference: SegmentReference,
  start: number,
  afterPart: (blocks: number) => Promise<boolean>,
): Promise<void> {
  await withFile(join(folder, segmentName(reference.id)), 'r', async (file) => {
    const { regions } = await readFrame(file, spec, reference);
    let before = 0;
    for (const region of regions) {
      let block = Math.max(0, start - before);
      while (block < region.crcs.length) {
        const crcs = region.crcs.subarray(block, block + BLOCKS_BETWEEN_PAUSES);
        const offset = region.offset + block * region.blockBytes;
        const bytes = Math.min(region.bytes - block * region.blockBytes, crcs.length * region.blockBytes);
        await readRegion(file, { ...region, offset, bytes, crcs });
        block += crcs.length;
        if (!(await afterPart(before + block))) return;
      }
      before += region.crcs.length;
    }
  });
}

/** A part of a file with a checksum for each block of it. */
interface Region {
  offset: number;
  bytes: number;
  blockBytes: number;
  crcs: Uint32Array;
}

/** What is around the rows. */
interface Frame {
  layout: SegmentLayout;
  hasCodes: boolean;
  /** The rows, and their codes. */
  regions: Region[];
  scales: Float32Array | null;
  columns: IdColumn[];
}

/** Reads and checks what is around the rows. */
async function readFrame(file: OpenFile, spec: IndexSpec, reference: SegmentReference): Promise<Frame> {
  const { path } = file;
  const fileBytes = await file.size();
  const page = await readExactly(file, Math.min(HEADER_BYTES, fileBytes), 0);
  const header = parseSegmentHeader(page, fileBytes, path);
  requireSame(path, header, page, spec, reference);
  const layout = segmentLayout(header, header.rows, header.idBytes);
  const frame = await readExactly(file, layout.fileBytes - layout.tableOffset, layout.tableOffset);
  const scalesEnd = layout.scalesOffset + (hasScales(spec) ? header.rows * 4 : 0) - layout.tableOffset;
  const idBytes = frame.subarray(layout.idsOffset - layout.tableOffset);
  const padding = frame.subarray(scalesEnd, layout.idsOffset - layout.tableOffset);
  // Nothing in the file is unchecked, not even the zeros between.
  const intact =
    crc32c(frame.subarray(0, scalesEnd)) === header.tableCrc &&
    crc32c(idBytes) === header.idCrc &&
    padding.every((byte) => byte === 0);
  if (!intact) throw corrupt(path, 'checksums and ids that match the header', 'damaged ones');
  const ids = decodeIds(idBytes, header.rows);
  if (ids === undefined || ids.length !== idBytes.length) {
    throw corrupt(path, `${header.rows} ids`, 'something else');
  }
  const table = new Uint32Array(layout.blocks + layout.codeBlocks);
  Buffer.from(table.buffer).set(frame.subarray(0, table.byteLength));
  let scales: Float32Array<ArrayBuffer> | null = null;
  if (hasScales(spec)) {
    scales = new Float32Array(header.rows);
    Buffer.from(scales.buffer).set(frame.subarray(table.byteLength, scalesEnd));
    // Negative or infinite ones would break the search's bounds.
    if (!scales.every((scale) => scale >= 0 && scale < Number.POSITIVE_INFINITY)) {
      throw corrupt(path, 'scales of rows', 'something else');
    }
  }
  const regions: Region[] = [
    {
      offset: layout.rowsOffset,
      bytes: header.rows * layout.stride,
      blockBytes: layout.blockRows * layout.stride,
      crcs: table.subarray(0, layout.blocks),
    },
    {
      offset: layout.codesOffset,
      bytes: layout.codesBytes,
      blockBytes: CODE_BLOCK_BYTES,
      crcs: table.subarray(layout.blocks),
    },
  ];
  return { layout, hasCodes: header.codes !== null, regions, scales, columns: ids.columns };
}

/** Whether this is the segment that the manifest means. */
function requireSame(
  path: string,
  header: SegmentHeader,
  page: Buffer,
  spec: IndexSpec,
  reference: SegmentReference,
): void {
  const same =
    header.id === reference.id &&
    header.rows === reference.rows &&
    header.dims === spec.dims &&
    header.dtype === spec.dtype &&
    (header.codes === null || header.codes === spec.accelerate) &&
    page.readUInt32LE(HEADER_BYTES - 4) === reference.headerCrc;
  if (!same) throw corrupt(path, 'the segment that the manifest names', 'another segment');
}

/** Reads a region block by block, checks it, and hands over some blocks at a time. */
async function readRegion(file: OpenFile, region: Region, use?: (bytes: Uint8Array) => void): Promise<void> {
  const { offset, bytes, blockBytes } = region;
  const step = Math.max(1, Math.floor(READ_BYTES / blockBytes)) * blockBytes;
  for (let at = 0; at < bytes; at += step) {
    const part = await readExactly(file, Math.min(step, bytes - at), offset + at);
    checkBlocks(file.path, region, at, part);
    use?.(part);
  }
}

/** Reads a few blocks of a region, the first and the last among them, and checks those. */
async function checkSample(file: OpenFile, region: Region, count: number): Promise<void> {
  const { offset, bytes, blockBytes, crcs } = region;
  const last = crcs.length - 1;
  const sample = new Set(Array.from({ length: count }, (_, i) => Math.round((i * last) / (count - 1))));
  for (const block of last < 0 ? [] : sample) {
    const at = block * blockBytes;
    const part = await readExactly(file, Math.min(blockBytes, bytes - at), offset + at);
    checkBlocks(file.path, region, at, part);
  }
}

/** @param at where in the region `bytes` begin, at a block's beginning */
function checkBlocks(
  path: string,
  { offset, blockBytes, crcs }: Region,
  at: number,
  bytes: Uint8Array,
): void {
  for (let start = 0; start < bytes.length; start += blockBytes) {
    if (crc32c(bytes.subarray(start, start + blockBytes)) !== crcs[(at + start) / blockBytes]) {
      throw corrupt(path, `a block at ${offset + at + start} with its checksum`, 'a damaged one');
    }
  }
}

async function readExactly(file: OpenFile, length: number, position: number): Promise<Buffer> {
  let buffer: Buffer<ArrayBuffer>;
  try {
    buffer = Buffer.alloc(length);
  } catch (cause) {
    throw new EmbedlaneError('ERR_RUNTIME', `${length} bytes of ${file.path} do not fit memory`, { cause });
  }
  if ((await file.read(buffer, position)) !== length) throw corrupt(file.path, 'a longer file', 'its end');
  return buffer;
}
