/** Sets of row numbers, bit `i % 8` of byte `i / 8`, as `FlatIndex` takes them for filters. */
export function hasBit(bits: Uint8Array, row: number): boolean {
  return ((bits[row >>> 3] >>> (row & 7)) & 1) === 1;
}

export function setBit(bits: Uint8Array, row: number): void {
  bits[row >>> 3] |= 1 << (row & 7);
}

export function clearBit(bits: Uint8Array, row: number): void {
  bits[row >>> 3] &= ~(1 << (row & 7));
}

export function countBits(bits: Uint8Array): number {
  let count = 0;
  for (let byte of bits) for (; byte !== 0; byte &= byte - 1) count++;
  return count;
}

/** The rows of a set, ascending, from `start` (a multiple of 8) up to `end`. */
export function* rowsOf(bits: Uint8Array, start = 0, end = bits.length * 8): Generator<number> {
  for (let i = start / 8; i < bits.length && i * 8 < end; i++) {
    for (let byte = bits[i], row = i * 8; byte !== 0; byte >>>= 1, row++) if (byte & 1) yield row;
  }
}
