import { loadBinding } from '../../native/load.js';
import { loadIndex } from './load.js';

/** Reads the index in `folder` as one who opens it, and checks every byte. */
export async function verifyIndex(folder: string): Promise<void> {
  const mode = loadBinding().backend === 'native' ? 'mmap' : 'memory';
  const { contents } = await loadIndex(folder, { mode, verify: 'full' });
  contents.release();
}
