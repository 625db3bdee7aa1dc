import type { FlatIndex } from '../../index/index.js';

/** An index that others take the place of while it is in use: it is closed when its last user has done with it. */
export class HeldIndex {
  readonly index: FlatIndex;
  #users = 0;
  #isRetired = false;

  constructor(index: FlatIndex) {
    this.index = index;
  }

  async use<T>(work: (index: FlatIndex) => Promise<T>): Promise<T> {
    this.#users++;
    try {
      return await work(this.index);
    } finally {
      this.#users--;
      await this.#closeUnused();
    }
  }

  /** Nobody will begin to use it any more. */
  async retire(): Promise<void> {
    this.#isRetired = true;
    await this.#closeUnused();
  }

  async #closeUnused(): Promise<void> {
    if (this.#isRetired && this.#users === 0) await this.index.close();
  }
}
