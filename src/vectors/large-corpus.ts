import type { VectorData } from '../native/binding.js';
import { loadBinding } from '../native/load.js';

/** From here on a scan needs more pages than processors remember the places of. */
const LARGE = 32 * 2 ** 20;

const asked = new WeakSet<ArrayBufferLike>();

/**
 * Asks the system, once, to have a corpus in large pages. Linux moves it there in the background (by default 16 MB in ten
 * seconds, where large pages are allowed); single queries over it then take up to a sixth less time. NumPy does the same
 * for its arrays.
 */
export function askForLargePages({ buffer, byteLength }: VectorData): void {
  if (byteLength < LARGE || asked.has(buffer)) return;
  asked.add(buffer);
  loadBinding().preferLargePages(new Uint8Array(buffer));
}
