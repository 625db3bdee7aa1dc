import { mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EmbedlaneError, invalidArgument } from '../../core/errors.js';
import { io } from '../../core/io.js';
import { isUrl } from '../../core/realms.js';

/** Vectors, as a `FlatIndex`. */
export const VECTORS = 'vectors';
/** Documents, metadata, and which rows of the vectors count. */
export const RECORDS = 'records.db';
/** What SQLite may leave beside its file. */
const JOURNAL = `${RECORDS}-journal`;
const OWN = new Set([VECTORS, RECORDS, JOURNAL]);

/** Checks the path or `file:` URL of a local store. */
export function folderArgument(name: string, value: unknown): string {
  const isAddress = isUrl(value) || (typeof value === 'string' && value.startsWith('file:'));
  if (isAddress) {
    // What counts from the root for URLs, people mean from the working directory.
    if (!/^file:[\\/]/i.test(String(value))) throw invalidArgument(name, "'file:///folder' or a path", value);
    try {
      return fileURLToPath(String(value));
    } catch {
      throw invalidArgument(name, "a 'file:' URL without a host", String(value));
    }
  }
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return value;
  throw invalidArgument(name, "a folder or a 'file:' URL", value);
}

/** Whether there is something of a store in the folder. */
export async function hasRecords(folder: string): Promise<boolean> {
  return (await list(folder)).includes(RECORDS);
}

/** Makes the folder, unless it is one with other files. */
export async function claimFolder(folder: string): Promise<void> {
  const foreign = (await list(folder)).find((name) => !OWN.has(name));
  if (foreign !== undefined) {
    throw new EmbedlaneError(
      'ERR_CONFLICT',
      `Expected a new or an empty folder for a store but ${folder} has ${JSON.stringify(foreign)}`,
    );
  }
  await io(folder, () => mkdir(folder, { recursive: true }));
}

/** Removes a store: first what makes it one, so that an interruption leaves no half of it. */
export async function removeStore(folder: string): Promise<void> {
  await io(folder, async () => {
    for (const name of [RECORDS, JOURNAL, VECTORS]) {
      await rm(join(folder, name), { recursive: true, force: true });
    }
  });
  // Somebody may have put other files into it meanwhile.
  await rmdir(folder).catch(() => {});
}

async function list(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    return io(folder, () => Promise.reject(error));
  }
}
