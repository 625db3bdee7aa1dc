import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { FileSystem, OpenFile } from '#dist/index/storage/files.js';

/** One operation that changed the disk. Contents are those of files, not of names: a rename moves no bytes. */
type Operation =
  | { kind: 'create'; name: string; inode: number }
  | { kind: 'rename'; from: string; to: string }
  | { kind: 'remove'; name: string }
  | { kind: 'syncFolder' }
  | { kind: 'write'; inode: number; position: number; bytes: Uint8Array }
  | { kind: 'truncate'; inode: number; length: number }
  | { kind: 'sync'; inode: number };

type FileOperation = Extract<Operation, { inode: number; kind: 'write' | 'truncate' }>;
type NameOperation = Extract<Operation, { kind: 'create' | 'rename' | 'remove' }>;

/**
 * Records what is done to the files of one folder, and can say what a loss of power at any moment would leave: what
 * was synced is there; of everything since, any part may be, in any order, because a disk and its file system write
 * back when they please. (The idea is that of SQLite's test6.c.)
 */
export class CrashRecorder {
  readonly operations: Operation[] = [];
  readonly #names = new Map<string, number>();
  readonly #initial = new Map<number, Uint8Array>();
  #inodes = 0;

  /** The folder's files as they are now are on the disk. */
  static async of(folder: string): Promise<CrashRecorder> {
    const recorder = new CrashRecorder();
    for (const name of await readdir(folder)) {
      recorder.#names.set(name, recorder.#inodes);
      recorder.#initial.set(recorder.#inodes++, await readFile(join(folder, name)));
    }
    recorder.#start = new Map(recorder.#names);
    return recorder;
  }
  #start = new Map<string, number>();

  /** Records what passes through to `disk`. */
  watch(disk: FileSystem): FileSystem {
    const push = (operation: Operation) => this.operations.push(operation);
    return {
      ...disk,
      open: async (path, mode) => {
        const file = await disk.open(path, mode);
        const name = basename(path);
        if (mode === 'wx+') {
          this.#names.set(name, this.#inodes);
          push({ kind: 'create', name, inode: this.#inodes++ });
        }
        return this.#watchFile(file, this.#names.get(name) as number);
      },
      rename: async (from, to) => {
        await disk.rename(from, to);
        this.#names.set(basename(to), this.#names.get(basename(from)) as number);
        push({ kind: 'rename', from: basename(from), to: basename(to) });
      },
      remove: async (path) => {
        await disk.remove(path);
        push({ kind: 'remove', name: basename(path) });
      },
      syncFolder: async (path) => {
        await disk.syncFolder(path);
        push({ kind: 'syncFolder' });
      },
    };
  }

  #watchFile(file: OpenFile, inode: number): OpenFile {
    return {
      ...file,
      write: async (bytes, position) => {
        await file.write(bytes, position);
        this.operations.push({ kind: 'write', inode, position, bytes: Uint8Array.from(bytes) });
      },
      truncate: async (length) => {
        await file.truncate(length);
        this.operations.push({ kind: 'truncate', inode, length });
      },
      sync: async () => {
        await file.sync();
        this.operations.push({ kind: 'sync', inode });
      },
    };
  }

  /**
   * Writes what is left in `folder` after a crash behind the first `count` operations.
   *
   * @param survives decides for each operation that was not synced
   */
  async replay(count: number, survives: () => boolean, folder: string): Promise<void> {
    const done = this.operations.slice(0, count);
    const files = new Map(Array.from(this.#initial, ([inode, bytes]) => [inode, Buffer.from(bytes)]));
    const names = new Map(this.#start);
    for (const [at, operation] of done.entries()) {
      const later = done.slice(at);
      if (operation.kind === 'write' || operation.kind === 'truncate') {
        const synced = later.some((other) => other.kind === 'sync' && other.inode === operation.inode);
        if (synced || survives()) applyToFile(files, operation);
      } else if (operation.kind !== 'sync' && operation.kind !== 'syncFolder') {
        if (later.some(({ kind }) => kind === 'syncFolder') || survives()) applyToNames(names, operation);
      }
    }
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder);
    for (const [name, inode] of names)
      await writeFile(join(folder, name), files.get(inode) ?? Buffer.alloc(0));
  }
}

function applyToFile(files: Map<number, Buffer<ArrayBuffer>>, operation: FileOperation): void {
  const before = files.get(operation.inode) ?? Buffer.alloc(0);
  const end = operation.kind === 'write' ? operation.position + operation.bytes.length : operation.length;
  const length = operation.kind === 'write' ? Math.max(before.length, end) : end;
  const after = Buffer.alloc(length);
  before.copy(after);
  if (operation.kind === 'write') after.set(operation.bytes, operation.position);
  files.set(operation.inode, after);
}

function applyToNames(names: Map<string, number>, operation: NameOperation): void {
  if (operation.kind === 'create') names.set(operation.name, operation.inode);
  else if (operation.kind === 'remove') names.delete(operation.name);
  else {
    const inode = names.get(operation.from);
    // The new name's creation may not have survived; its rename cannot have, then.
    if (inode === undefined) return;
    names.delete(operation.from);
    names.set(operation.to, inode);
  }
}

/** Fails the operation number `at`, counted over everything that touches the disk; and all later ones if `persistent`. */
export function failing(
  at: number,
  persistent: boolean,
  error: () => Error,
): { watch: (disk: FileSystem) => FileSystem; happened: () => boolean; count: () => number } {
  let count = 0;
  let happened = false;
  const step = () => {
    const fails = persistent ? count >= at : count === at;
    count++;
    happened ||= fails;
    if (fails) throw error();
  };
  const watch = (disk: FileSystem): FileSystem => ({
    ...disk,
    async open(path, mode) {
      step();
      const file = await disk.open(path, mode);
      return {
        ...file,
        async write(bytes, position) {
          try {
            step();
          } catch (cause) {
            // A disk that is full takes part of it.
            await file.write(bytes.subarray(0, bytes.length >> 1), position);
            throw cause;
          }
          await file.write(bytes, position);
        },
        async truncate(length) {
          step();
          await file.truncate(length);
        },
        async sync() {
          step();
          await file.sync();
        },
      };
    },
    async rename(from, to) {
      step();
      await disk.rename(from, to);
    },
    async makeFolder(path) {
      step();
      await disk.makeFolder(path);
    },
    async remove(path) {
      try {
        step();
      } catch {
        return;
      }
      await disk.remove(path);
    },
    async list(folder) {
      step();
      return disk.list(folder);
    },
    async syncFolder(path) {
      step();
      await disk.syncFolder(path);
    },
  });
  return { watch, happened: () => happened, count: () => count };
}
