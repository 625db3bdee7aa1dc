import { join } from 'node:path';
import { EmbedlaneError } from '../../core/errors.js';
import type { Contents } from '../contents.js';
import { decodeIds } from '../ids/codec.js';
import type { IdColumn } from '../ids/columns.js';
import type { IndexSpec } from '../spec.js';
import { type OpenFile, withFile } from './files.js';
import { corrupt, crc32c, segmentName } from './format.js';
import type { SegmentReference } from './manifest.js';
import { HEADER_BYTES, parseSegmentHeader, type SegmentHeader, segmentLayout } from './segment-format.js';

/** Bytes of rows that are read at a time. */
const READ_BYTES = 4 * 2 ** 20;

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
    const { table, columns } = await readFrame(file, spec, reference);
    const memory = mode === 'memory';
    if (memory || verify === 'full') {
      await readRows(
        file,
        reference,
        spec,
        table,
        memory ? (rows) => contents.rows.appendStored(rows) : undefined,
      );
    }
    if (!memory) {
      const { rowsOffset } = segmentLayout({ dims: spec.dims, rows: reference.rows, idBytes: 0 });
      if (!contents.rows.map(path, reference.bytes, rowsOffset, reference.rows)) {
        throw corrupt(path, `${reference.bytes} bytes`, 'another length');
      }
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
): Promise<{ table: Uint32Array; columns: IdColumn[] }> {
  const { path } = file;
  const fileBytes = await file.size();
  const page = await readExactly(file, Math.min(HEADER_BYTES, fileBytes), 0);
  const header = parseSegmentHeader(page, fileBytes, path);
  requireSame(path, header, page, spec, reference);
  const layout = segmentLayout(header);
  const tableBytes = await readExactly(file, layout.blocks * 4, layout.tableOffset);
  // Zeros between the table and the ids: nothing in the file is unchecked.
  const padding = await readExactly(
    file,
    layout.idsOffset - layout.tableOffset - tableBytes.length,
    layout.tableOffset + tableBytes.length,
  );
  const idBytes = await readExactly(file, header.idBytes, layout.idsOffset);
  const intact =
    crc32c(tableBytes) === header.tableCrc &&
    crc32c(idBytes) === header.idCrc &&
    padding.every((byte) => byte === 0);
  if (!intact) throw corrupt(path, 'checksums and ids that match the header', 'damaged ones');
  const ids = decodeIds(idBytes, header.rows);
  if (ids === undefined || ids.length !== idBytes.length) {
    throw corrupt(path, `${header.rows} ids`, 'something else');
  }
  const table = new Uint32Array(layout.blocks);
  Buffer.from(table.buffer).set(tableBytes);
  return { table, columns: ids.columns };
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
  { dims }: IndexSpec,
  table: Uint32Array,
  use: ((rows: Uint8Array) => void) | undefined,
): Promise<void> {
  const { stride, rowsOffset, blockRows } = segmentLayout({ dims, rows, idBytes: 0 });
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
    use?.(bytes);
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
