import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { throwIfAborted } from '../core/abort.js';
import { EmbedlaneError } from '../core/errors.js';
import { loadBinding } from '../native/load.js';

/** Milliseconds between two looks at a lock that somebody else has. */
const POLL = 100;

/**
 * Runs `work` while holding a lock that other processes see, Python's huggingface_hub among them, so that a file
 * is downloaded once and not once per process. It is `flock`'s, so it ends with its holder, however that ends.
 *
 * Where there is none (the TypeScript fallback, some network file systems), nobody waits.
 *
 * @param work told whether the lock is held: without it, others may be at the same
 * @throws {EmbedlaneError} `ERR_ABORTED` if `signal` fires during the wait
 */
export async function withLock<T>(
  path: string,
  signal: AbortSignal | undefined,
  work: (held: boolean) => Promise<T>,
): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  let release = tryLock(path);
  while (release === null) {
    await delay(POLL);
    throwIfAborted(signal);
    release = tryLock(path);
  }
  try {
    return await work(release !== undefined);
  } finally {
    release?.();
  }
}

/** What ends the lock; null if somebody else has it, undefined where there are no locks. */
function tryLock(path: string): (() => void) | null | undefined {
  const binding = loadBinding();
  if (binding.backend !== 'native') return undefined;
  try {
    return binding.lockFile(path);
  } catch (error) {
    if (error instanceof EmbedlaneError && error.code === 'ERR_IO') return undefined;
    throw error;
  }
}
