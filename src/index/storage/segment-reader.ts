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
import { HEADER_BYTES, parseSegmentHeader, type SegmentHeader, segmentLayout } from './segment-format.js';

/** Bytes of rows that are read at a time. */
const READ_BYTES = 4 * 2 ** 20;
/** Rows between two turns of the event loop while codes are made: a few milliseconds. */
const PREPARED_ROWS = 4096;

export interface LoadOptions {
  /** Read the rows into memory, or map the file. */
  mode: 'mmap' | 'memory';
  /** Check the rows too; in memory they always are. */
  verify: 'lazy' | 'full';
}

/** Adds the rows of a segment. Everything but the rows is checked in any case. */
export async function loadSegment(
  folder: string,
  spec: IndexSpec,
  reference: SegmentReference,
  contents: Contents,
  { mode, verify }: LoadOptions,
): Promise<void> {
  const path = join(folder, segmentName(reference.id));
  await withFile(path, 'r', async (file) => {
    const { table, scales, columns } = await readFrame(file, spec, reference);
    const memory = mode === 'memory';
    if (memory || verify === 'full') {
      await readRows(file, reference, spec, table, (bytes, first, count) => {
        if (memory) contents.rows.appendStored(bytes, scales?.subarray(first, first + count) ?? null);
      });
    }
    if (!memory) {
      const { rowsOffset } = segmentLayout(spec, reference.rows, 0);
      if (!contents.rows.map(path, reference.bytes, rowsOffset, reference.rows, scales)) {
        throw corrupt(path, `${reference.bytes} bytes`, 'another length');
      }
      while (contents.rows.prepare(PREPARED_ROWS)) await setImmediate();
    }
    for (const column of columns) contents.ids.addColumn(column);
    contents.live.extend(reference.rows);
  });
}

/** Reads and checks what is around the rows. */
async function readFrame(
  file: OpenFile,
  spec: IndexSpec,
  reference: SegmentReference,
): Promise<{ table: Uint32Array; scales: Float32Array | null; columns: IdColumn[] }> {
  const { path } = file;
  const fileBytes = await file.size();
  const page = await readExactly(file, Math.min(HEADER_BYTES, fileBytes), 0);
  const header = parseSegmentHeader(page, fileBytes, path);
  requireSame(path, header, page, spec, reference);
  const layout = segmentLayout(spec, header.rows, header.idBytes);
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
  const table = new Uint32Array(layout.blocks);
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
  return { table, scales, columns: ids.columns };
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
    page.readUInt32LE(HEADER_BYTES - 4) === reference.headerCrc;
  if (!same) throw corrupt(path, 'the segment that the manifest names', 'another segment');
}

/** Reads the rows block by block, checks them, and hands them over. */
async function readRows(
  file: OpenFile,
  { rows }: SegmentReference,
  spec: IndexSpec,
  table: Uint32Array,
  use: (bytes: Uint8Array, first: number, count: number) => void,
): Promise<void> {
  const { stride, rowsOffset, blockRows } = segmentLayout(spec, rows, 0);
  const step = Math.max(1, Math.floor(READ_BYTES / (blockRows * stride))) * blockRows;
  for (let row = 0; row < rows; row += step) {
    const count = Math.min(step, rows - row);
    const bytes = await readExactly(file, count * stride, rowsOffset + row * stride);
    for (let at = 0; at < count; at += blockRows) {
      const block = bytes.subarray(at * stride, Math.min(count, at + blockRows) * stride);
      if (crc32c(block) !== table[(row + at) / blockRows]) {
        throw corrupt(file.path, `rows ${row + at} and following with their checksum`, 'damaged ones');
      }
    }
    use(bytes, row, count);
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
