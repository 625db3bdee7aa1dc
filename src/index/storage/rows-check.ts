import { setImmediate, setTimeout } from 'node:timers/promises';
import { EmbedlaneError } from '../../core/errors.js';
import { isMissing, type LoadedIndex } from './load.js';
import { checkSegment } from './segment-reader.js';

/** Milliseconds between two parts of about a megabyte, so that searches hardly notice. */
const PAUSE = 2;

/**
 * Checks the rows of an index that was mapped, in the background, once somebody reads them: the search has brought
 * them into memory then, and it is what would give wrong answers.
 *
 * Damage is final. A file that could not be read says nothing about its rows: the next read is told, and the check
 * goes on from where it stopped; reads succeed again as soon as it has got past that place.
 */
export class RowsCheck {
  readonly #folder: string;
  readonly #loaded: LoadedIndex;
  /** How far it has come: segments that are done, and blocks of the next one. */
  #segments = 0;
  #blocks = 0;
  #state: 'idle' | 'running' | 'over' = 'idle';
  #failure: EmbedlaneError | undefined;
  #damage: unknown;
  #running: Promise<void> | undefined;
  /** How many wait for its end: it goes on without long pauses then, also when the index is closed. */
  #waiting = 0;

  constructor(folder: string, loaded: LoadedIndex) {
    this.#folder = folder;
    this.#loaded = loaded;
  }

  /**
   * To be called before rows are read.
   *
   * @throws {EmbedlaneError} `ERR_CORRUPT` if some are known to be damaged, `ERR_IO` while they cannot be read
   */
  touch(): void {
    if (this.#damage !== undefined) throw this.#damage;
    this.#start();
    if (this.#failure !== undefined) throw this.#failure;
  }

  /**
   * Checks all that is not checked yet, for one who copies the rows: damage would get a checksum of its own.
   *
   * @throws {EmbedlaneError} `ERR_CORRUPT`, `ERR_IO`
   */
  async finish(): Promise<void> {
    this.#waiting++;
    try {
      this.#start();
      // The pause that it may be in does not keep the process alive.
      await setTimeout(PAUSE);
      await this.#running;
    } finally {
      this.#waiting--;
    }
    const failure = this.#damage ?? this.#failure;
    if (failure !== undefined) throw failure;
  }

  /** Ends the check, because the rows are given up. */
  stop(): void {
    this.#state = 'over';
    this.#failure = undefined;
  }

  #start(): void {
    if (this.#state !== 'idle') return;
    this.#state = 'running';
    this.#running = this.#run();
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const { manifest, unchecked } = this.#loaded;
    try {
      if (!(await this.#pause())) return;
      for (; this.#segments < unchecked.length; this.#segments++, this.#blocks = 0) {
        const segment = unchecked[this.#segments];
        await checkSegment(this.#folder, manifest, segment, this.#blocks, (blocks) => {
          this.#blocks = blocks;
          this.#failure = undefined;
          return this.#pause();
        });
        if (this.#isOver()) return;
      }
      this.stop();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#isOver()) return;
    const isInputOutput = error instanceof EmbedlaneError && error.code === 'ERR_IO';
    if (!isInputOutput) {
      this.stop();
      this.#damage = error;
    } else if (isMissing(error)) {
      // A writer has replaced the files meanwhile: what is mapped has no name any more.
      this.stop();
    } else {
      this.#failure = error;
      this.#state = 'idle';
    }
  }

  /** @returns whether to go on; does not keep the process alive, unless somebody waits */
  async #pause(): Promise<boolean> {
    if (this.#waiting > 0) await setImmediate();
    else await setTimeout(PAUSE, undefined, { ref: false });
    return !this.#isOver();
  }

  #isOver(): boolean {
    return this.#state === 'over' && this.#waiting === 0;
  }
}
