import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { io } from './io.js';

/**
 * A file that appears under its name only once it is complete: bytes go to a temporary name beside it, are
 * flushed to the disk and then renamed, so that no reader and no crash ever sees half of it.
 */
export class AtomicFile {
  readonly path: string;
  readonly #temporary: string;
  readonly #handle: FileHandle;

  private constructor(path: string, temporary: string, handle: FileHandle) {
    this.path = path;
    this.#temporary = temporary;
    this.#handle = handle;
  }

  /** @throws {EmbedlaneError} `ERR_IO` when the file cannot be made. */
  static async create(path: string): Promise<AtomicFile> {
    const temporary = `${path}.tmp-${process.pid}`;
    return new AtomicFile(path, temporary, await io(path, () => open(temporary, 'w')));
  }

  /** Appends bytes. */
  async append(chunk: Uint8Array | string): Promise<void> {
    const buffer = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    await io(this.path, () => this.#handle.appendFile(buffer));
  }

  /** Overwrites bytes at a position, for headers that are known last. */
  async writeAt(chunk: Uint8Array, position: number): Promise<void> {
    await io(this.path, () => this.#handle.write(chunk, 0, chunk.length, position));
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

  /** Throws the temporary file away; harmless after {@link commit}. */
  async discard(): Promise<void> {
    await this.#handle.close().catch(() => {});
    await rm(this.#temporary, { force: true });
  }
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
