import { setTimeout } from 'node:timers/promises';
import { EmbedlaneError } from '../../core/errors.js';
import { isMissing, type LoadedIndex } from './load.js';
import { checkSegment } from './segment-reader.js';

/** Milliseconds between two parts of about a megabyte, so that searches hardly notice. */
const PAUSE = 2;

/**
 * Checks the rows of an index that was mapped, in the background, once somebody reads them: the search has brought
 * them into memory then, and it is what would give wrong answers.
 */
export class RowsCheck {
  readonly #folder: string;
  readonly #loaded: LoadedIndex;
  #running: Promise<void> | undefined;
  #stopped = false;
  #failure: unknown;

  constructor(folder: string, loaded: LoadedIndex) {
    this.#folder = folder;
    this.#loaded = loaded;
  }

  /**
   * To be called before rows are read.
   *
   * @throws {EmbedlaneError} `ERR_CORRUPT` if some are known to be damaged, `ERR_IO` if they could not be read
   */
  touch(): void {
    if (this.#failure !== undefined) throw this.#failure;
    this.#running ??= this.#run();
  }

  /** Ends the check, because the rows are given up. */
  stop(): void {
    this.#stopped = true;
  }

  async #run(): Promise<void> {
    const { manifest, unchecked } = this.#loaded;
    const pause = async () => {
      // It does not keep the process alive.
      await setTimeout(PAUSE, undefined, { ref: false });
      return !this.#stopped;
    };
    try {
      for (const segment of unchecked) {
        if (!(await pause())) return;
        await checkSegment(this.#folder, manifest, segment, pause);
      }
    } catch (error) {
      // A writer has replaced the files meanwhile: what is mapped has no name any more.
      const missing = error instanceof EmbedlaneError && error.code === 'ERR_IO' && isMissing(error);
      if (!missing) this.#failure = error;
    }
  }
}
