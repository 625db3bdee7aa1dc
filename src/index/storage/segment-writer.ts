import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Acceleration } from '../../native/row-store.js';
import { COPY_BYTES, type Contents, hasScales, type StoredCodes } from '../contents.js';
import { encodeIds, encodeSequence, GROUP_IDS } from '../ids/codec.js';
import type { Id } from '../ids/id.js';
import type { IndexSpec } from '../spec.js';
import { type OpenFile, withFile } from './files.js';
import { crc32c, newId, segmentName } from './format.js';
import type { SegmentReference } from './manifest.js';
import { encodeSegmentHeader } from './segment-format.js';
import { CODE_BLOCK_BYTES, HEADER_BYTES, type SegmentLayout, segmentLayout } from './segment-layout.js';

/**
 * Writes rows as a new segment and waits until it is on the disk. It means nothing until a manifest names it.
 *
 * @param batches positions of the rows, in order
 * @param rows how many there are
 */
export async function writeSegment(
  folder: string,
  spec: IndexSpec,
  contents: Contents,
  batches: Iterable<Uint32Array>,
  rows: number,
): Promise<SegmentReference> {
  const id = newId();
  return withFile(join(folder, segmentName(id)), 'wx+', async (file) => {
    const ids = new IdGroups();
    const { codes } = contents.rows;
    const { table, tableCrc } = await writeRows(file, spec, contents, batches, rows, ids);
    const { groups, bytes: idBytes } = ids.finish();
    const layout = segmentLayout({ ...spec, codes }, rows, idBytes);
    await file.write(table, layout.tableOffset);
    let idCrc = 0;
    let at = layout.idsOffset;
    for (const group of groups) {
      idCrc = crc32c(group, idCrc);
      await file.write(group, at);
      at += group.length;
    }
    const { dims, dtype } = spec;
    const page = encodeSegmentHeader({ id, dtype, dims, rows, codes, idBytes, idCrc, tableCrc });
    await file.write(page, 0);
    await file.sync();
    return { id, rows, bytes: layout.fileBytes, headerCrc: page.readUInt32LE(HEADER_BYTES - 4) };
  });
}

/** Writes the rows, their codes and their scales, and returns the table of the blocks' checksums. */
async function writeRows(
  file: OpenFile,
  spec: IndexSpec,
  contents: Contents,
  batches: Iterable<Uint32Array>,
  rows: number,
  ids: IdGroups,
): Promise<{ table: Buffer; tableCrc: number }> {
  const { codes } = contents.rows;
  const { stride, rowsOffset, blockRows, blocks, scalesOffset } = segmentLayout({ ...spec, codes }, rows, 0);
  const crcs = new Uint32Array(blocks);
  const allScales = new Float32Array(hasScales(spec) ? rows : 0);
  const codesWriter = new CodesWriter(file, spec, codes, rows);
  let row = 0;
  for (const positions of batches) {
    const { bytes, scales } = contents.gather(positions);
    if (scales) allScales.set(scales, row);
    const first = row;
    for (let at = 0; at < positions.length; ) {
      const block = Math.floor(row / blockRows);
      const count = Math.min(positions.length - at, (block + 1) * blockRows - row);
      crcs[block] = crc32c(bytes.subarray(at * stride, (at + count) * stride), crcs[block]);
      at += count;
      row += count;
    }
    await file.write(bytes, rowsOffset + first * stride);
    if (codes !== null) await codesWriter.add(contents.gatherCodes(positions), first, positions.length);
    for (let at = 0; at < positions.length; at += GROUP_IDS) {
      ids.add(Array.from(positions.subarray(at, at + GROUP_IDS), (position) => contents.ids.at(position)));
      // Encoding text takes a while.
      await setImmediate();
    }
  }
  const table = Buffer.concat([Buffer.from(crcs.buffer), Buffer.from((await codesWriter.finish()).buffer)]);
  const scaleBytes = Buffer.from(allScales.buffer);
  await file.write(scaleBytes, scalesOffset);
  return { table, tableCrc: crc32c(scaleBytes, crc32c(table)) };
}

/** Writes the codes of rows batch by batch, then their floats, with a checksum for each block of bytes. */
class CodesWriter {
  readonly #file: OpenFile;
  readonly #layout: SegmentLayout;
  readonly #rows: number;
  readonly #floats: Float32Array<ArrayBuffer>;
  readonly #crcs: Uint32Array<ArrayBuffer>;
  #written = 0;

  constructor(file: OpenFile, spec: IndexSpec, codes: Acceleration | null, rows: number) {
    this.#file = file;
    this.#layout = segmentLayout({ ...spec, codes }, rows, 0);
    this.#rows = rows;
    this.#floats = new Float32Array((this.#layout.codesBytes - rows * this.#layout.codeStride) / 4);
    this.#crcs = new Uint32Array(this.#layout.codeBlocks);
  }

  async add({ bytes, floats }: StoredCodes, first: number, count: number): Promise<void> {
    for (let at = 0, column = 0; at < floats.length; at += count, column++) {
      this.#floats.set(floats.subarray(at, at + count), column * this.#rows + first);
    }
    await this.#write(bytes);
  }

  async finish(): Promise<Uint32Array<ArrayBuffer>> {
    const bytes = new Uint8Array(this.#floats.buffer);
    for (let at = 0; at < bytes.length; at += COPY_BYTES) {
      await this.#write(bytes.subarray(at, at + COPY_BYTES));
    }
    return this.#crcs;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const start = this.#written;
    for (let at = 0; at < bytes.length; ) {
      const block = Math.floor(this.#written / CODE_BLOCK_BYTES);
      const count = Math.min(bytes.length - at, (block + 1) * CODE_BLOCK_BYTES - this.#written);
      this.#crcs[block] = crc32c(bytes.subarray(at, at + count), this.#crcs[block]);
      at += count;
      this.#written += count;
    }
    await this.#file.write(bytes, this.#layout.codesOffset + start);
  }
}

/** Groups of ids, in which sequences that continue each other become one. */
class IdGroups {
  readonly #groups: Buffer[] = [];
  #first = 0;
  #count = 0;

  add(ids: readonly Id[]): void {
    const first = ids[0];
    if (typeof first !== 'number' || !ids.every((id, i) => id === first + i)) {
      this.#close();
      this.#groups.push(encodeIds(ids));
      return;
    }
    if (first !== this.#first + this.#count) {
      this.#close();
      this.#first = first;
    }
    this.#count += ids.length;
  }

  finish(): { groups: Buffer[]; bytes: number } {
    this.#close();
    return { groups: this.#groups, bytes: this.#groups.reduce((sum, { length }) => sum + length, 0) };
  }

  #close(): void {
    if (this.#count > 0) this.#groups.push(encodeSequence(this.#first, this.#count));
    this.#count = 0;
  }
}
