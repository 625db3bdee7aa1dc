import type { Id } from './id.js';

/** Ids of consecutive rows. */
export interface IdColumn {
  readonly length: number;
  at(index: number): Id;
}

/** `first`, `first + 1`, …: the ids that rows get when none are given. */
export class SequenceIds implements IdColumn {
  readonly first: number;
  length: number;

  constructor(first: number, length: number) {
    this.first = first;
    this.length = length;
  }

  at(index: number): number {
    return this.first + index;
  }
}

/** Ids given by the caller. */
export class ListIds implements IdColumn {
  readonly ids: Id[] = [];

  get length(): number {
    return this.ids.length;
  }

  at(index: number): Id {
    return this.ids[index];
  }
}

/** Integer ids read from a file. */
export class NumberIds implements IdColumn {
  readonly ids: Float64Array;

  constructor(ids: Float64Array) {
    this.ids = ids;
  }

  get length(): number {
    return this.ids.length;
  }

  at(index: number): number {
    return this.ids[index];
  }
}

/** Ids read from a file that are not all integers: UTF-8 text, decoded when it is asked for. */
export class TextIds implements IdColumn {
  readonly length: number;
  readonly #text: Buffer;
  /** Where each id begins in the text, and the end. */
  readonly #offsets: Float64Array;
  readonly #isNumber: (index: number) => boolean;

  constructor(text: Uint8Array, offsets: Float64Array, isNumber: (index: number) => boolean) {
    this.length = offsets.length - 1;
    this.#text = Buffer.from(text.buffer, text.byteOffset, text.length);
    this.#offsets = offsets;
    this.#isNumber = isNumber;
  }

  at(index: number): Id {
    const text = this.#text.toString('utf8', this.#offsets[index], this.#offsets[index + 1]);
    return this.#isNumber(index) ? Number(text) : text;
  }
}
