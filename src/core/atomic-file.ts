import type { Stats } from 'node:fs';
import { type FileHandle, lstat, open, readlink, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { EmbedlaneError } from './errors.js';
import { io } from './io.js';

/**
 * A file that appears under its name only once it is complete: bytes go to a temporary name beside it, are
 * flushed to the disk and then renamed, so that no reader and no crash ever sees half of it.
 */
export class AtomicFile {
  readonly path: string;
  readonly #temporary: string;
  readonly #handle: FileHandle;
  #bytes: number;

  private constructor(path: string, temporary: string, handle: FileHandle, bytes: number) {
    this.path = path;
    this.#temporary = temporary;
    this.#handle = handle;
    this.#bytes = bytes;
  }

  /**
   * Starts a file. One that it replaces lends it its permissions, so that what was private stays so.
   *
   * @param path its name, or what {@link destinationOf} said of it
   * @param temporary default: a name beside the file
   * @throws {EmbedlaneError} `ERR_IO` when it cannot be made, or {@link destinationOf} refuses
   */
  static async create(path: string | Destination, temporary?: string): Promise<AtomicFile> {
    const { target, mode } = typeof path === 'string' ? await destinationOf(path) : path;
    const name = temporary ?? `${target}.tmp-${process.pid}`;
    return new AtomicFile(target, name, await io(target, () => open(name, 'w', mode)), 0);
  }

  /**
   * Goes on with a temporary file that an earlier process left, after its first `bytes`.
   *
   * @throws {EmbedlaneError} `ERR_IO` when it cannot be opened, `ERR_CORRUPT` when it is shorter
   */
  static async reopen({ target }: Destination, temporary: string, bytes: number): Promise<AtomicFile> {
    const handle = await io(temporary, () => open(temporary, 'r+'));
    try {
      const { size } = await io(temporary, () => handle.stat());
      if (size < bytes) {
        const message = `Expected ${bytes} bytes or more in ${temporary} but received ${size}`;
        throw new EmbedlaneError('ERR_CORRUPT', message);
      }
      await io(temporary, () => handle.truncate(bytes));
      return new AtomicFile(target, temporary, handle, bytes);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Bytes so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Appends bytes. */
  async append(chunk: Uint8Array | string): Promise<void> {
    const buffer = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    await this.writeAt(buffer, this.#bytes);
    this.#bytes += buffer.length;
  }

  /** Overwrites bytes at a position, for headers that are known last. */
  async writeAt(chunk: Uint8Array, position: number): Promise<void> {
    await io(this.path, async () => {
      for (let done = 0; done < chunk.length; ) {
        done += (await this.#handle.write(chunk, done, chunk.length - done, position + done)).bytesWritten;
      }
    });
  }

  /** Flushes what was written to the disk. */
  async sync(): Promise<void> {
    await io(this.path, () => this.#handle.sync());
  }

  /** Flushes and gives the file its name. */
  async commit(): Promise<void> {
    await io(this.path, async () => {
      await this.#handle.sync();
      await this.#handle.close();
      await rename(this.#temporary, this.path);
      await syncFolder(dirname(this.path));
    });
  }

  /** Leaves the temporary file for {@link reopen}. */
  async suspend(): Promise<void> {
    await io(this.path, () => this.#handle.close());
  }

  /** Throws the temporary file away; harmless after {@link commit}. */
  async discard(): Promise<void> {
    await this.#handle.close().catch(() => {});
    await rm(this.#temporary, { force: true });
  }

  /** Writes a whole file. */
  static async write(path: string, content: Uint8Array | string, temporary?: string): Promise<void> {
    const file = await AtomicFile.create(path, temporary);
    try {
      await file.append(content);
      await file.commit();
    } catch (error) {
      await file.discard();
      throw error;
    }
  }
}

/** Where a file is to be. */
export interface Destination {
  target: string;
  /** Permissions of the file that is there. */
  mode?: number;
}

/**
 * Where the file of a name is, which a link may say, and its permissions if it is there. A rename would replace the link;
 * and of what is no file (`/dev/null`, a pipe) it would take the place.
 *
 * @throws {EmbedlaneError} `ERR_IO` if what is there is no regular file, `ERR_INVALID_ARG` for a name without a character
 */
export async function destinationOf(path: string): Promise<Destination> {
  if (path === '') {
    throw new EmbedlaneError('ERR_INVALID_ARG', 'Expected the name of a file to write but received ""');
  }
  return io(path, async () => {
    let there: Stats;
    try {
      there = await stat(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      // A link to a file that is not there yet says where it is to be, too.
      const link = await readlink(path).catch(() => undefined);
      if (link === undefined) return { target: path };
      return destinationOf(resolve(await realpath(dirname(path)), link));
    }
    if (!there.isFile()) {
      const kind = there.isDirectory() ? 'a folder' : 'a device, pipe or socket';
      throw new EmbedlaneError('ERR_IO', `Expected a file, or nothing yet, at ${path} but received ${kind}`);
    }
    const target = (await lstat(path)).isSymbolicLink() ? await realpath(path) : path;
    return { target, mode: there.mode & 0o777 };
  });
}

/** Makes a rename in `folder` durable. Windows has no such call for folders, and needs none. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder === '' ? '.' : folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
