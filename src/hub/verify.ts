import { readlink, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import type { CachedRepository } from './cache.js';
import { matches } from './digest.js';
import { etagOf, isHex } from './listing.js';
import { withLock } from './lock.js';

/** Whether a cached file holds what it should; `'unknown'` if nothing here says what that is. */
export type Integrity = 'whole' | 'damaged' | 'unknown';

/** Checks a file of a snapshot against the hash that names its blob, or that the listing has for it. */
export async function verifyFile(cache: CachedRepository, commit: string, path: string): Promise<Integrity> {
  const etag = await expectedEtag(cache, commit, path);
  if (etag === undefined) return 'unknown';
  return (await matches(cache.file(commit, path), etag)) ? 'whole' : 'damaged';
}

/**
 * Finds the damaged ones among files of a snapshot, and removes them so that they are fetched again.
 *
 * @param options.keep only find them
 * @returns their paths
 */
export async function discardDamaged(
  cache: CachedRepository,
  commit: string,
  paths: readonly string[],
  signal: AbortSignal | undefined,
  options: { keep?: boolean } = {},
): Promise<string[]> {
  const here = new Set(await cache.present(commit));
  const damaged: string[] = [];
  for (const path of paths) {
    if (!here.has(path) || (await verifyFile(cache, commit, path)) !== 'damaged') continue;
    damaged.push(path);
    if (options.keep) continue;
    const etag = (await expectedEtag(cache, commit, path)) as string;
    // Checked again under the lock: another process may have repaired it meanwhile.
    await withLock(cache.lock(etag), signal, async () => {
      if (await matches(cache.file(commit, path), etag)) return;
      await rm(cache.blob(etag), { force: true });
      await rm(cache.file(commit, path), { force: true });
    });
  }
  return damaged;
}

async function expectedEtag(
  cache: CachedRepository,
  commit: string,
  path: string,
): Promise<string | undefined> {
  const target = await readlink(cache.file(commit, path)).catch(() => undefined);
  const name = target === undefined ? undefined : basename(target);
  if (isHex(name, 40) || isHex(name, 64)) return name;
  const file = (await cache.readTree(commit))?.find((entry) => entry.path === path);
  return file && etagOf(file);
}
