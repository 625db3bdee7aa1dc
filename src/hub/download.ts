import type { Hash } from 'node:crypto';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EmbedlaneError } from '../core/errors.js';
import { retry, Transient } from '../core/retry.js';
import type { CachedRepository } from './cache.js';
import type { HubClient, HubResponse } from './client.js';
import { contentHash, hashFile } from './digest.js';
import { etagOf, type RepositoryFile } from './listing.js';
import { withLock } from './lock.js';
import { ownPartial, takeLeftPartial } from './own-partial.js';

/** What a download needs beside the file itself. */
export interface DownloadContext {
  cache: CachedRepository;
  client: HubClient;
  commit: string;
  signal: AbortSignal | undefined;
  /** Called with the bytes of the file that are here; may fall when a download has to start again. */
  report: (file: RepositoryFile, bytes: number) => void;
}

const DISK_FULL = ['ENOSPC', 'EDQUOT', 'EFBIG'];

/**
 * Brings a file into a snapshot of the cache: under a lock where there are any, resumed where an earlier attempt ended, checked for
 * size and hash before it gets its name.
 *
 * @throws {EmbedlaneError} `ERR_DOWNLOAD`, `ERR_CHECKSUM` if the content is not what the hub lists, `ERR_IO`
 *   (disk full, no permission), `ERR_ABORTED`
 */
export async function downloadFile(file: RepositoryFile, context: DownloadContext): Promise<void> {
  const { cache, commit, signal, report } = context;
  const etag = etagOf(file);
  try {
    await mkdir(dirname(cache.blob(etag)), { recursive: true });
    await withLock(cache.lock(etag), signal, async (held) => {
      // Another process may have been faster.
      if (!(await cache.has(commit, file))) {
        if (!(await isBlob(cache.blob(etag), file.size))) await fetchBlob(file, held, context);
        await cache.link(commit, file);
      }
    });
    report(file, file.size);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (!DISK_FULL.includes(code ?? '')) throw error;
    // What has arrived would be continued, but a full disk harms everyone on the machine.
    await rm(cache.partial(etag), { force: true });
    throw new EmbedlaneError(
      'ERR_IO',
      `Expected room for ${file.path} (${file.size} bytes) in ${cache.folder} but received ${code}; free some ` +
        'space (embedlane models list), or choose another cache with HF_HUB_CACHE or the option cacheDir',
      { cause: error },
    );
  }
}

/** Bytes of a file that an earlier, interrupted download left. */
export async function downloadedBytes(cache: CachedRepository, file: RepositoryFile): Promise<number> {
  const found = await stat(cache.partial(etagOf(file))).catch(() => undefined);
  return Math.min(found?.size ?? 0, file.size);
}

async function isBlob(path: string, size: number): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() === true && found.size === size;
}

/** Fetches a blob, in a file of its own where others may be at the same: they would cut or rename one that they share. */
async function fetchBlob(file: RepositoryFile, locked: boolean, context: DownloadContext): Promise<void> {
  const { cache } = context;
  const etag = etagOf(file);
  const shared = cache.partial(etag);
  if (locked) {
    await fetchPartial(file, shared, context);
    await rename(shared, cache.blob(etag));
    return;
  }
  const own = ownPartial(cache, etag);
  // What an interrupted download left is continued by whoever takes it: that of a process which could say so, or which was killed.
  await rename(shared, own)
    .catch(() => takeLeftPartial(cache, etag, own))
    .catch(() => {});
  try {
    await fetchPartial(file, own, context);
    await rename(own, cache.blob(etag));
  } catch (error) {
    await rename(own, shared).catch(() => {});
    throw error;
  }
}

/** Fetches a content until it is whole; one with a wrong hash gets one more chance, from its first byte. */
async function fetchPartial(file: RepositoryFile, partial: string, context: DownloadContext): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const reached = { bytes: 0 };
    if (await retry(() => continuePartial(file, partial, reached, context), context.signal)) return;
    await rm(partial, { force: true });
    if (attempt === 2) {
      throw new EmbedlaneError(
        'ERR_CHECKSUM',
        `Expected ${file.path} of ${context.cache.name} to have the hash ${etagOf(file)} but what arrived, twice, ` +
          'has another; it was thrown away',
      );
    }
  }
}

/**
 * One request's worth of a download. Returns whether the whole content has the right hash.
 *
 * @param reached how far an earlier request came
 */
async function continuePartial(
  file: RepositoryFile,
  partial: string,
  reached: { bytes: number },
  context: DownloadContext,
): Promise<boolean> {
  // Not 'a': positions are ours to choose, so that a process that lost its lock writes the same bytes again.
  const handle = await open(partial, 'r+').catch(() => open(partial, 'w+'));
  try {
    const download = await PartialFile.open(handle, partial, file);
    if (download.length < file.size) await receive(download, file, reached, context);
    if (!download.matches()) return false;
    await handle.sync();
    return true;
  } finally {
    await handle.close();
  }
}

async function receive(
  download: PartialFile,
  file: RepositoryFile,
  reached: { bytes: number },
  { cache, client, commit, report }: DownloadContext,
): Promise<void> {
  const response = await client.openFile(cache.name, commit, file.path, download.length);
  try {
    // A server that knows no ranges, or a proxy that has dropped ours, sends everything again.
    if (download.length > 0 && !continuesAt(response, download.length)) await download.restart();
    if (response.status === 416) throw new Transient(incomplete(file, cache, 0));
    reached.bytes = Math.max(reached.bytes, download.length);
    try {
      for await (const chunk of client.read(response)) {
        await download.append(chunk);
        report(file, download.length);
      }
      if (download.length < file.size) throw new Transient(incomplete(file, cache, download.length));
    } catch (error) {
      // What arrived before the connection broke is progress: as long as there is some, it goes on. The same bytes again,
      // from a server that knows no ranges, are none.
      if (!(error instanceof Transient) || download.length <= reached.bytes) throw error;
      reached.bytes = download.length;
      throw new Transient(error.failure, { progressed: true });
    }
  } finally {
    response.body.destroy();
  }
}

function continuesAt({ status, headers }: HubResponse, position: number): boolean {
  return status === 206 && String(headers['content-range']).startsWith(`bytes ${position}-`);
}

function incomplete(file: RepositoryFile, cache: CachedRepository, received: number): EmbedlaneError {
  return new EmbedlaneError(
    'ERR_DOWNLOAD',
    `Expected ${file.size} bytes of ${file.path} of ${cache.name} but received ${received}`,
  );
}

/** The beginning of a file on disk, with the hash of what is there. */
class PartialFile {
  readonly #handle: FileHandle;
  readonly #file: RepositoryFile;
  #hash: Hash;
  #length: number;

  private constructor(handle: FileHandle, file: RepositoryFile, hash: Hash, length: number) {
    this.#handle = handle;
    this.#file = file;
    this.#hash = hash;
    this.#length = length;
  }

  static async open(handle: FileHandle, path: string, file: RepositoryFile): Promise<PartialFile> {
    const { size } = await handle.stat();
    // Longer than the file can be: whatever that is, it is not its beginning.
    const length = size > file.size ? 0 : size;
    if (length !== size) await handle.truncate(0);
    const hash = contentHash(etagOf(file), file.size);
    await hashFile(hash, path, length);
    return new PartialFile(handle, file, hash, length);
  }

  get length(): number {
    return this.#length;
  }

  async restart(): Promise<void> {
    await this.#handle.truncate(0);
    this.#hash = contentHash(etagOf(this.#file), this.#file.size);
    this.#length = 0;
  }

  async append(chunk: Buffer): Promise<void> {
    if (this.#length + chunk.length > this.#file.size) {
      const { path, size } = this.#file;
      await this.restart();
      throw new EmbedlaneError(
        'ERR_CHECKSUM',
        `Expected ${size} bytes for ${path} but the server sent more; it was thrown away`,
      );
    }
    this.#hash.update(chunk);
    for (let written = 0; written < chunk.length; ) {
      const { bytesWritten } = await this.#handle.write(
        chunk,
        written,
        chunk.length - written,
        this.#length + written,
      );
      written += bytesWritten;
    }
    this.#length += chunk.length;
  }

  matches(): boolean {
    return this.#hash.copy().digest('hex') === etagOf(this.#file);
  }
}
