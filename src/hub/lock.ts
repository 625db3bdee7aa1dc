import { mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { throwIfAborted } from '../core/abort.js';

/** A holder shows that it lives by touching its file this often, in milliseconds. */
const HEARTBEAT = 1_000;
/** A file that nobody has touched for this long belongs to a process that died. */
const STALE = 8_000;
const POLL = 100;
const OWNER = `${hostname()}\n${process.pid}`;

/**
 * Runs `work` while holding a lock that other processes see, so that a file is downloaded once and not once
 * per process. Rejects with `ERR_ABORTED` if `signal` fires during the wait.
 *
 * Nothing but bandwidth depends on it: whoever loses a lock to a pause of the whole machine, or does not take
 * part (Python), writes the same checked bytes. Node has no `flock`, so the lock is a file made exclusively.
 */
export async function withLock<T>(
  path: string,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  while (!(await tryLock(path))) {
    throwIfAborted(signal);
    if (!(await breakStale(path))) await delay(POLL);
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {});
  }, HEARTBEAT);
  heartbeat.unref();
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    await rm(path, { force: true });
  }
}

async function tryLock(path: string): Promise<boolean> {
  try {
    await writeFile(path, OWNER, { flag: 'wx' });
    return true;
  } catch (error) {
    // Windows says EPERM while another process is removing the file.
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' || (code === 'EPERM' && process.platform === 'win32')) return false;
    throw error;
  }
}

/** Whether the owner is a process of this machine that has ended. */
async function ownerIsDead(path: string): Promise<boolean> {
  const owner = await readFile(path, 'utf8').catch(() => '');
  const [host, pid] = owner.split('\n');
  if (host !== hostname() || !/^[1-9]\d*$/.test(pid ?? '')) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** Removes the lock of a dead process; true if the lock may now be free. */
async function breakStale(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (!found) return true;
  if (Date.now() - found.mtimeMs < STALE && !(await ownerIsDead(path))) return false;
  const aside = `${path}.${process.pid}`;
  // Of several that wait, one renames it away; the others find it gone or new.
  await rename(path, aside).catch(() => {});
  await rm(aside, { force: true });
  return true;
}
