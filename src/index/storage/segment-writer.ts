import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { type Contents, hasScales } from '../contents.js';
import { encodeIds, encodeSequence, GROUP_IDS } from '../ids/codec.js';
import type { Id } from '../ids/id.js';
import type { IndexSpec } from '../spec.js';
import { type OpenFile, withFile } from './files.js';
import { crc32c, newId, segmentName } from './format.js';
import type { SegmentReference } from './manifest.js';
import { encodeSegmentHeader, HEADER_BYTES, segmentLayout } from './segment-format.js';

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
    const { table, tableCrc } = await writeRows(file, spec, contents, batches, rows, ids);
    const { groups, bytes: idBytes } = ids.finish();
    const layout = segmentLayout(spec, rows, idBytes);
    await file.write(table, layout.tableOffset);
    let idCrc = 0;
    let at = layout.idsOffset;
    for (const group of groups) {
      idCrc = crc32c(group, idCrc);
      await file.write(group, at);
      at += group.length;
    }
    const { dims, dtype } = spec;
    const page = encodeSegmentHeader({ id, dtype, dims, rows, idBytes, idCrc, tableCrc });
    await file.write(page, 0);
    await file.sync();
    return { id, rows, bytes: layout.fileBytes, headerCrc: page.readUInt32LE(HEADER_BYTES - 4) };
  });
}

/** Writes the rows and their scales, and returns the table of the blocks' checksums. */
async function writeRows(
  file: OpenFile,
  spec: IndexSpec,
  contents: Contents,
  batches: Iterable<Uint32Array>,
  rows: number,
  ids: IdGroups,
): Promise<{ table: Buffer; tableCrc: number }> {
  const { stride, rowsOffset, blockRows, blocks, scalesOffset } = segmentLayout(spec, rows, 0);
  const crcs = new Uint32Array(blocks);
  const allScales = new Float32Array(hasScales(spec) ? rows : 0);
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
    for (let at = 0; at < positions.length; at += GROUP_IDS) {
      ids.add(Array.from(positions.subarray(at, at + GROUP_IDS), (position) => contents.ids.at(position)));
      // Encoding text takes a while.
      await setImmediate();
    }
  }
  const table = Buffer.from(crcs.buffer);
  const scaleBytes = Buffer.from(allScales.buffer);
  await file.write(scaleBytes, scalesOffset);
  return { table, tableCrc: crc32c(scaleBytes, crc32c(table)) };
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
