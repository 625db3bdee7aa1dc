import { allocateWords } from '../../native/memory.js';

/** Memory for the texts of one window, used again for a later one: new memory costs page faults. */
export class TextRoom {
  #units = new Uint16Array(0);

  units(length: number): Uint16Array {
    if (this.#units.length < length) this.#units = allocateWords(Uint16Array, Math.ceil(length * 1.25));
    return this.#units.subarray(0, length);
  }
}
