import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';

/** Bytes per read: large enough that the hash is the cost, small enough not to hold up the event loop. */
const CHUNK = 2 ** 20;

/**
 * The hash that names a content in the cache: SHA-256 for an etag of 64 digits, Git's SHA-1 of a blob for one
 * of 40.
 *
 * @param size bytes of the whole content, which Git's hash begins with
 */
export function contentHash(etag: string, size: number): Hash {
  return etag.length === 64 ? createHash('sha256') : createHash('sha1').update(`blob ${size}\0`);
}

/** Feeds the first `length` bytes of a file to a hash. */
export async function hashFile(hash: Hash, path: string, length: number): Promise<void> {
  if (length === 0) return;
  for await (const chunk of createReadStream(path, { end: length - 1, highWaterMark: CHUNK })) {
    hash.update(chunk as Buffer);
  }
}

/** Whether a file holds exactly the content that an etag names. */
export async function matches(path: string, etag: string, size?: number): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile() || (size !== undefined && found.size !== size)) return false;
  const hash = contentHash(etag, found.size);
  await hashFile(hash, path, found.size);
  return hash.digest('hex') === etag;
}
