import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { EmbedlaneError } from '../../core/errors.js';
import { ioError } from '../../core/io.js';
import { Bitmap } from '../bitmap.js';
import { catchUp } from '../compaction.js';
import { Contents } from '../contents.js';
import { files, type OpenFile, wasInterrupted } from './files.js';
import { logName, MANIFEST } from './format.js';
import { type LoadedIndex, loadSegments } from './load.js';
import { encodeBatch, LOG_HEADER_BYTES } from './log-format.js';
import { type Manifest, publishManifest } from './manifest.js';
import type { LoadOptions } from './segment-reader.js';
import { lockFolder, removeUnnamed, writeState } from './write-index.js';

/**
 * A log that would grow longer than `logBytes` becomes a segment. Opening reads the log whole, so this bounds how
 * long it takes. Tests lower it.
 */
export const LIMITS = { logBytes: 32 * 2 ** 20 };

/**
 * Writes the changes of an open index to its folder.
 *
 * Changes are made in memory first and noted here; {@link flush} writes what has come together as one batch.
 * Operations on the disk follow each other, never overlap. After one has failed, what is on the disk is not
 * known for certain (after a failed sync, Linux forgets what it could not write), so every later one fails too;
 * who opens the index again gets the last batch that was flushed.
 */
export class IndexWriter {
  readonly #folder: string;
  readonly #unlock: () => void;
  readonly #load: LoadOptions;
  #contents: Contents;
  #manifest: Manifest;
  #log: OpenFile | undefined;
  #logBytes: number;
  #batch: number;
  /** Rows before this one are in segments or in the log. */
  #written: number;
  /** Removed rows whose removal is not written yet. */
  #removed: number[] = [];
  #queue: Promise<unknown> = Promise.resolve();
  #waitingFlush: Promise<void> | undefined;
  #failure: unknown;

  /**
   * Takes over an index that has been read.
   *
   * @param unlock gives up the lock, if it is held already
   * @throws {EmbedlaneError} `ERR_LOCKED` if somebody else is writing it, or has since it was read
   */
  constructor(folder: string, loaded: LoadedIndex, options: LoadOptions, unlock?: () => void) {
    this.#folder = folder;
    this.#unlock = unlock ?? lockFolder(folder);
    this.#load = options;
    this.#contents = loaded.contents;
    this.#manifest = loaded.manifest;
    this.#logBytes = loaded.log.bytes;
    this.#batch = loaded.log.batch;
    this.#written = loaded.contents.live.length;
    if (unlock === undefined) {
      try {
        refuseChanged(folder, loaded);
      } catch (error) {
        this.#unlock();
        throw error;
      }
    }
    this.#enqueue(() => this.#prepare(loaded.log.fileBytes)).catch(() => {});
  }

  /** Notes that the row at `position` was removed. Rows that were added need no note. */
  noteRemoved(position: number): void {
    this.#removed.push(position);
  }

  /** Bytes of the log. */
  get logBytes(): number {
    return this.#logBytes;
  }

  /** Resolves when everything that was changed before the call is on the disk. Calls that wait share one write. */
  flush(): Promise<void> {
    this.#waitingFlush ??= this.#enqueue(() => {
      this.#waitingFlush = undefined;
      return this.#commit();
    });
    return this.#waitingFlush;
  }

  /**
   * Writes all live rows as one segment, without the removed ones, and goes on from there.
   *
   * @param check that the rows are sound; what it throws ends the compaction, and nothing else
   * @param replace is given the compacted rows, at the moment from which they count
   */
  compact(check: () => Promise<void>, replace: (contents: Contents) => void): Promise<void> {
    return this.#enqueue(async () => {
      const before = this.#contents;
      const live = before.live.copy();
      this.#removed = [];
      const { manifest } = await writeState(this.#folder, {
        spec: this.#manifest,
        contents: before,
        segments: [],
        batches: before.batches(live),
        rows: live.count,
        removed: [],
        total: live.count,
      });
      const compact = new Contents(before.spec);
      await loadSegments(this.#folder, manifest, compact, this.#load);
      await this.#follow(manifest);
      // From here on without a pause.
      this.#written = compact.live.length;
      this.#removed = catchUp(compact, before, live);
      this.#contents = compact;
      replace(compact);
      before.release();
    }, check);
  }

  /** Flushes, notes in the manifest how long the log is, and gives the index up. */
  async close(): Promise<void> {
    try {
      await this.flush();
      await this.#enqueue(async () => {
        if (this.#manifest.log.bytes === this.#logBytes) return;
        const log = { ...this.#manifest.log, bytes: this.#logBytes };
        await publishManifest(this.#folder, { ...this.#manifest, log });
      });
    } finally {
      // Also when it failed: whoever comes next finds the last complete batch.
      await this.#queue.catch(() => {});
      await this.#log?.close().catch(() => {});
      this.#unlock();
    }
  }

  #enqueue<T>(operation: () => Promise<T>, prepare?: () => Promise<void>): Promise<T> {
    const run = this.#queue.then(async () => {
      if (this.#failure !== undefined) {
        throw new EmbedlaneError(
          'ERR_IO',
          `Expected to write to ${this.#folder} but an earlier write failed; open the index again, or save it elsewhere`,
          { cause: this.#failure },
        );
      }
      await prepare?.();
      try {
        return await operation();
      } catch (error) {
        this.#failure = error;
        throw error;
      }
    });
    this.#queue = run.catch(() => {});
    return run;
  }

  /** Opens the log for writing and cuts off what a crash left behind its last batch. */
  async #prepare(logFileBytes: number): Promise<void> {
    this.#log = await files().open(join(this.#folder, logName(this.#manifest.log.id)), 'r+');
    if (logFileBytes > this.#logBytes) {
      await this.#log.truncate(this.#logBytes);
      await this.#log.sync();
    }
    await removeUnnamed(this.#folder, this.#manifest);
  }

  /** Goes on with the log of a new manifest. */
  async #follow(manifest: Manifest): Promise<void> {
    await this.#log?.close();
    this.#manifest = manifest;
    this.#logBytes = manifest.log.bytes;
    this.#batch = this.#logBytes > LOG_HEADER_BYTES ? 1 : 0;
    this.#log = await files().open(join(this.#folder, logName(manifest.log.id)), 'r+');
  }

  async #commit(): Promise<void> {
    const contents = this.#contents;
    const rows = { start: this.#written, end: contents.live.length };
    const removed = this.#removed;
    if (rows.start === rows.end && removed.length === 0) return;
    if ((rows.end - rows.start) * contents.rows.stride + this.#logBytes > LIMITS.logBytes) {
      await this.#seal();
      return;
    }
    const commit = { rows: rows.end, live: contents.live.count, nextId: contents.ids.nextId };
    this.#written = rows.end;
    this.#removed = [];
    let at = this.#logBytes;
    for (const record of encodeBatch(this.#batch + 1, contents, rows, removed, commit)) {
      await this.#log?.write(record, at);
      at += record.length;
    }
    await this.#log?.sync();
    this.#logBytes = at;
    this.#batch++;
  }

  /** Writes the rows behind the last segment as a segment, and begins a new log. */
  async #seal(): Promise<void> {
    const contents = this.#contents;
    const { segments } = this.#manifest;
    const start = segments.reduce((sum, { rows }) => sum + rows, 0);
    const end = contents.live.length;
    const all = new Bitmap();
    all.extend(end);
    const removed = contents.live.absent();
    this.#removed = [];
    this.#written = end;
    const { manifest } = await writeState(this.#folder, {
      spec: this.#manifest,
      contents,
      segments,
      // Removed rows too: the others keep their positions.
      batches: contents.batches(all, start),
      rows: end - start,
      removed,
      total: end,
    });
    await this.#follow(manifest);
  }
}

/** @throws {EmbedlaneError} `ERR_LOCKED` if the index on the disk is another than the one that was read, `ERR_IO` */
function refuseChanged(folder: string, { manifest, manifestText, log }: LoadedIndex): void {
  let same: boolean;
  const path = join(folder, MANIFEST);
  try {
    same =
      readUninterrupted(path) === manifestText &&
      statSync(join(folder, logName(manifest.log.id))).size === log.fileBytes;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw ioError('a usable file', path, error);
    same = false;
  }
  if (same) return;
  throw new EmbedlaneError(
    'ERR_LOCKED',
    `Expected the index in ${folder} as it was opened but somebody has changed it since; open it again`,
  );
}

/** Synchronous, because the lock is taken by the first change, which is: what reads elsewhere waits for a promise. */
function readUninterrupted(path: string): string {
  for (;;) {
    try {
      return readFileSync(path, 'latin1');
    } catch (error) {
      if (!wasInterrupted(error)) throw error;
    }
  }
}
