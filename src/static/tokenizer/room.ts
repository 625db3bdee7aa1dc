import { MOST_TOKENS_PER_UNIT, type TokenBags } from '../../native/binding.js';
import { allocateWords } from '../../native/memory.js';

/** Memory for the texts and tokens of one window, used again for the next one: new memory costs page faults. */
export class TokenRoom {
  #units = new Uint16Array(0);
  #ids = new Uint32Array(0);

  units(length: number): Uint16Array {
    if (this.#units.length < length) this.#units = allocateWords(Uint16Array, grown(length));
    return this.#units.subarray(0, length);
  }

  bags(texts: number, units: number): TokenBags {
    const tokens = units * MOST_TOKENS_PER_UNIT;
    if (this.#ids.length < tokens) this.#ids = allocateWords(Uint32Array, grown(tokens));
    return {
      ids: this.#ids.subarray(0, tokens),
      ends: new Uint32Array(texts),
      known: new Uint8Array(texts),
    };
  }
}

function grown(length: number): number {
  return Math.ceil(length * 1.25);
}
