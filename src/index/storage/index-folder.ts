import { EmbedlaneError } from '../../core/errors.js';
import type { Contents } from '../contents.js';
import { type LoadedIndex, loadIndex } from './load.js';
import { isSameFolder } from './path.js';
import { RowsCheck } from './rows-check.js';
import type { LoadOptions } from './segment-reader.js';
import { verifyIndex } from './verify.js';
import { lockFolder } from './write-index.js';
import { IndexWriter } from './writer.js';

/** The folder that an open index came from: what is read of it later, and what is written to it. */
export class IndexFolder {
  readonly #path: string;
  readonly #loaded: LoadedIndex;
  readonly #options: LoadOptions;
  readonly #readOnly: boolean;
  readonly #check: RowsCheck;
  #writer: IndexWriter | undefined;

  /** @param readOnly true: never written to; false: locked now; undefined: locked by the first change */
  static async open(path: string, options: LoadOptions, readOnly: boolean | undefined): Promise<IndexFolder> {
    const unlock = readOnly === false ? lockFolder(path) : undefined;
    try {
      const folder = new IndexFolder(path, await loadIndex(path, options), options, readOnly === true);
      if (unlock) folder.#writer = new IndexWriter(path, folder.#loaded, options, unlock);
      return folder;
    } catch (error) {
      unlock?.();
      throw error;
    }
  }

  private constructor(path: string, loaded: LoadedIndex, options: LoadOptions, readOnly: boolean) {
    this.#path = path;
    this.#loaded = loaded;
    this.#options = options;
    this.#readOnly = readOnly;
    this.#check = new RowsCheck(path, loaded);
  }

  /** The index as it was read. */
  get loaded(): LoadedIndex {
    return this.#loaded;
  }

  isAt(path: string): boolean {
    return isSameFolder(path, this.#path);
  }

  /** To be called before rows are read, see {@link RowsCheck.touch}. */
  beforeReading(): void {
    this.#check.touch();
  }

  /**
   * To be called before a change: takes the lock.
   *
   * @throws {EmbedlaneError} `ERR_READ_ONLY`, `ERR_LOCKED`
   */
  beforeChange(): void {
    if (this.#writer !== undefined) return;
    if (this.#readOnly) {
      throw new EmbedlaneError(
        'ERR_READ_ONLY',
        'Expected an index that may be changed but it is opened readOnly',
      );
    }
    this.#writer = new IndexWriter(this.#path, this.#loaded, this.#options);
  }

  /**
   * To be called before rows are copied: checks those that are not checked yet.
   *
   * @throws {EmbedlaneError} `ERR_CORRUPT`, `ERR_IO`
   */
  checkRows(): Promise<void> {
    return this.#check.finish();
  }

  noteRemoved(positions: readonly number[]): void {
    for (const position of positions) this.#writer?.noteRemoved(position);
  }

  async flush(): Promise<void> {
    await this.#writer?.flush();
  }

  async compact(replace: (contents: Contents) => void): Promise<void> {
    this.beforeChange();
    await this.#writer?.compact(
      () => this.checkRows(),
      (contents) => {
        replace(contents);
        this.#check.stop();
      },
    );
  }

  /** Checks every byte of it. */
  verify(): Promise<void> {
    return verifyIndex(this.#path);
  }

  async close(): Promise<void> {
    this.#check.stop();
    await this.#writer?.close();
  }
}
