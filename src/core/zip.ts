import type { UnzipFileInfo } from 'fflate';

/** What an archive's directory has for each entry at least. */
const ENTRY_BYTES = 46;

/**
 * A filter for `unzipSync` that takes the `wanted` entries of an archive and throws before they are larger than `most`
 * together: compressed ones grow a thousandfold, entries that share their bytes are copied one by one, and a directory
 * may claim four thousand million of them.
 */
export function entriesWithin(
  most: number,
  archive: Uint8Array,
  wanted: (entry: UnzipFileInfo) => boolean,
): (entry: UnzipFileInfo) => boolean {
  let left = most;
  let entries = Math.floor(archive.length / ENTRY_BYTES);
  return (entry) => {
    if (--entries < 0) throw new Error('The archive has more entries than bytes for them');
    if (!wanted(entry)) return false;
    left -= Math.max(entry.size, entry.originalSize);
    if (left < 0) throw new Error(`The archive's entries have more than ${most} bytes`);
    return true;
  };
}
