import { createHash, randomUUID } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { readdir, rename } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import type { CachedRepository } from './cache.js';

/** Where process ids mean what they mean here: one machine, and one container of it. */
let place: string | undefined;

/** A file for a download of this process alone, of which others can tell whether it is still under way. */
export function ownPartial(cache: CachedRepository, etag: string): string {
  return cache.blob(`${prefix(etag)}${process.pid}.${randomUUID().slice(0, 8)}.incomplete`);
}

/**
 * Gives a file of {@link ownPartial} that a process left which was killed, if there is one, another name.
 *
 * @throws if another process was faster
 */
export async function takeLeftPartial(cache: CachedRepository, etag: string, path: string): Promise<void> {
  const folder = dirname(path);
  const names = await readdir(folder);
  const start = prefix(etag);
  const left = names.find(
    (name) => name.startsWith(start) && hasEnded(Number.parseInt(name.slice(start.length), 10)),
  );
  if (left !== undefined) await rename(cache.blob(left), path);
}

function prefix(etag: string): string {
  place ??= createHash('sha256').update(`${hostname()} ${processIds()}`).digest('hex').slice(0, 8);
  return `${etag}.${place}.`;
}

/** The kernel's name for the set of process ids that this one is in. */
function processIds(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

function hasEnded(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
