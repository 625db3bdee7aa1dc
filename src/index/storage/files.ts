import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { io } from '../../core/io.js';

/** An open file. Every failure is an `ERR_IO` that names the file. */
export interface OpenFile {
  readonly path: string;
  size(): Promise<number>;
  /** Reads until `buffer` is full or the file ends; returns the number of bytes. */
  read(buffer: Uint8Array, position: number): Promise<number>;
  /** Writes all of `bytes`. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  truncate(bytes: number): Promise<void>;
  /** Waits until the data and the length are on the disk. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** How to open: an existing file for reading, for reading and writing, or a new file. */
export type OpenMode = 'r' | 'r+' | 'wx+';

/**
 * The operations that an index does on a disk. Tests replace them, to fail or to stop at each one and to see what
 * a crash would leave.
 */
export interface FileSystem {
  open(path: string, mode: OpenMode): Promise<OpenFile>;
  /** Gives a file another name, replacing what had it. */
  rename(from: string, to: string): Promise<void>;
  /** Makes a folder, with those above it; one that exists is fine. */
  makeFolder(path: string): Promise<void>;
  /** Removes a file if it can be removed; what stays is only rubbish. */
  remove(path: string): Promise<void>;
  list(folder: string): Promise<string[]>;
  /** Waits until the names in a folder are on the disk. */
  syncFolder(path: string): Promise<void>;
}

/**
 * Whether a read is to be made again, because a signal ended it before it had read anything, as happens on file systems of
 * networks and of user programs. libuv repeats every other call by itself.
 */
export function wasInterrupted(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EINTR';
}

async function uninterrupted<T>(read: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await read();
    } catch (error) {
      if (!wasInterrupted(error)) throw error;
    }
  }
}

const diskFiles: FileSystem = {
  async open(path, mode) {
    const handle = await io(path, () => open(path, mode));
    return {
      path,
      size: () => io(path, async () => (await handle.stat()).size),
      async read(buffer, position) {
        let done = 0;
        while (done < buffer.length) {
          const { bytesRead } = await io(path, () =>
            uninterrupted(() => handle.read(buffer, done, buffer.length - done, position + done)),
          );
          if (bytesRead === 0) break;
          done += bytesRead;
        }
        return done;
      },
      async write(bytes, position) {
        for (let done = 0; done < bytes.length; ) {
          const { bytesWritten } = await io(path, () =>
            handle.write(bytes, done, bytes.length - done, position + done),
          );
          done += bytesWritten;
        }
      },
      truncate: (bytes) => io(path, () => handle.truncate(bytes)),
      sync: () => io(path, () => handle.datasync()),
      close: () => io(path, () => handle.close()),
    };
  },
  rename: (from, to) => io(to, () => rename(from, to)),
  async makeFolder(path) {
    const first = await io(path, () => mkdir(path, { recursive: true }));
    if (first !== undefined) await this.syncFolder(dirname(first));
  },
  remove: (path) => rm(path, { force: true }).catch(() => {}),
  list: (folder) => io(folder, () => readdir(folder)),
  async syncFolder(path) {
    // Windows has no such call, and needs none.
    if (process.platform === 'win32') return;
    await io(path, async () => {
      const handle = await open(path, 'r');
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    });
  },
};

let current = diskFiles;

/** The operations in use. */
export function files(): FileSystem {
  return current;
}

/** Replaces the operations, for tests; returns what puts the disk back. */
export function useFiles(replacement: (disk: FileSystem) => FileSystem): () => void {
  current = replacement(diskFiles);
  return () => {
    current = diskFiles;
  };
}

/** Opens a file, hands it over and closes it whatever happens. */
export async function withFile<T>(
  path: string,
  mode: OpenMode,
  use: (file: OpenFile) => Promise<T>,
): Promise<T> {
  const file = await files().open(path, mode);
  let result: T;
  try {
    result = await use(file);
  } catch (error) {
    await file.close().catch(() => {});
    throw error;
  }
  await file.close();
  return result;
}
