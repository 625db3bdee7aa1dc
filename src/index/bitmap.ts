/** A set of row positions below `length`, one bit each: bit `i % 32` of word `i / 32`. Bits beyond are 0. */
export class Bitmap {
  words: Uint32Array<ArrayBuffer>;
  length: number;
  /** How many bits are set. */
  count = 0;

  constructor(length = 0) {
    this.length = length;
    this.words = new Uint32Array(Math.ceil(length / 32));
  }

  has(position: number): boolean {
    return ((this.words[position >>> 5] >>> (position & 31)) & 1) === 1;
  }

  /** @returns whether the bit was clear */
  add(position: number): boolean {
    if (this.has(position)) return false;
    this.words[position >>> 5] |= 1 << (position & 31);
    this.count++;
    return true;
  }

  /** Sets the bits of `bits` in word `word`, of which none may be set. */
  addWord(word: number, bits: number): void {
    this.words[word] |= bits;
    this.count += bitCount(bits);
  }

  /** @returns whether the bit was set */
  delete(position: number): boolean {
    if (!this.has(position)) return false;
    this.words[position >>> 5] &= ~(1 << (position & 31));
    this.count--;
    return true;
  }

  /** Adds `count` set bits at the end. */
  extend(count: number): void {
    const from = this.length;
    this.length += count;
    this.count += count;
    const needed = Math.ceil(this.length / 32);
    if (needed > this.words.length) {
      const grown = new Uint32Array(Math.max(needed, 2 * this.words.length));
      grown.set(this.words);
      this.words = grown;
    }
    let position = from;
    for (; position < this.length && (position & 31) !== 0; position++) {
      this.words[position >>> 5] |= 1 << (position & 31);
    }
    const wholeWords = (this.length >>> 5) - (position >>> 5);
    if (wholeWords > 0) {
      this.words.fill(0xffffffff, position >>> 5, (position >>> 5) + wholeWords);
      position += wholeWords * 32;
    }
    for (; position < this.length; position++) this.words[position >>> 5] |= 1 << (position & 31);
  }

  copy(): Bitmap {
    const copy = new Bitmap();
    copy.words = this.words.slice(0, Math.ceil(this.length / 32));
    copy.length = this.length;
    copy.count = this.count;
    return copy;
  }

  /** The positions below `length` that are not in the set, ascending: by the word, because few usually are. */
  absent(): number[] {
    const absent: number[] = [];
    for (let start = 0; start < this.length; start += 32) {
      let bits = ~this.words[start >>> 5];
      for (; bits !== 0; bits &= bits - 1) {
        const position = start + 31 - Math.clz32(bits & -bits);
        if (position >= this.length) break;
        absent.push(position);
      }
    }
    return absent;
  }

  /** The positions in the set, ascending, from `start` up to `end`. */
  *positions(start = 0, end = this.length): Generator<number> {
    for (let position = start; position < end; position++) {
      if ((position & 31) === 0 && this.words[position >>> 5] === 0) position += 31;
      else if (this.has(position)) yield position;
    }
  }
}

/** Set bits of a 32-bit word, summed in pairs, fours and bytes. */
function bitCount(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555);
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
