import { setImmediate } from 'node:timers/promises';

/** Bytes of which at most twice as many are parsed in one go: about half a millisecond. */
const PIECE = 32 * 1024;

/** Milliseconds of work after which the event loop gets its turn. */
const SLICE = 2;

/** Bytes or members between two looks at the clock. */
const STRIDE = 4096;

/** Levels of values larger than a piece, each of which is looked through anew: no embedding request or answer has more than four. */
const MAX_LEVELS = 8;

/** Bytes of a string that are parsed in one go: about half a millisecond. */
const STRING_PIECE = 256 * 1024;
/** Bytes of `\u0000`. */
const LONGEST_ESCAPE = 6;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;
const COMMA = 0x2c;
const COLON = 0x3a;

/** Bytes of a text that takes more than a millisecond to parse. */
export const LARGE_JSON = 128 * 1024;

/** Where a value is. */
interface Span {
  start: number;
  end: number;
}

/**
 * Parses JSON of any size with the event loop turning in between: 16 MB of short texts would hold it up for a tenth of
 * a second, as many lists of token ids for a whole one. Members of large objects and lists are found by their commas,
 * and handed to `parse` some at a time, so that what is valid, and what a value is, stays the engine's own decision.
 * A long string is cut between its characters.
 *
 * @param bytes valid UTF-8
 * @param parse parses a whole JSON text; throws for what is none
 * @param maxValues of texts, lists and objects together: collecting the garbage of millions is what nothing can divide
 * @throws {SyntaxError} what is no JSON; what `parse` throws
 * @throws {RangeError} too many values
 */
export async function parseLargeJson(
  bytes: Buffer,
  parse: (text: string) => unknown,
  maxValues: number,
): Promise<unknown> {
  const mark = bytes.indexOf('\ufeff') === 0 ? 3 : 0;
  return new LargeJson(bytes, parse, maxValues).value(trim(bytes, { start: mark, end: bytes.length }), 0);
}

class LargeJson {
  readonly #bytes: Buffer;
  readonly #parse: (text: string) => unknown;
  readonly #maxValues: number;
  #values = 0;
  #resumed = performance.now();
  #steps = 0;

  constructor(bytes: Buffer, parse: (text: string) => unknown, maxValues: number) {
    this.#bytes = bytes;
    this.#parse = parse;
    this.#maxValues = maxValues;
  }

  async value(span: Span, level: number): Promise<unknown> {
    const open = this.#bytes[span.start];
    const isList = open === 0x5b;
    if (open === QUOTE && span.end - span.start > STRING_PIECE) return this.#string(span);
    if (span.end - span.start <= 2 * PIECE || (!isList && open !== 0x7b)) return this.#text(span, '', '');
    if (level === MAX_LEVELS) throw new SyntaxError('JSON is nested too deeply');
    const out: unknown[] | Record<string, unknown> = isList ? [] : {};
    const brackets = isList ? '[]' : '{}';
    for await (const members of this.#groups(span, isList ? 0x5d : 0x7d, level === 0)) {
      const large = members.end - members.start > 2 * PIECE;
      const part = large
        ? this.#largeMember(members, isList, level)
        : this.#text(members, brackets[0], brackets[1]);
      take(out, await part);
    }
    return out;
  }

  /** A list of one, or an object with one field. */
  async #largeMember(member: Span, isList: boolean, level: number): Promise<unknown> {
    if (isList) return [await this.value(trim(this.#bytes, member), level + 1)];
    const { start, end } = trim(this.#bytes, member);
    const keyEnd = this.#bytes[start] === QUOTE ? await this.#stringEnd(start, end) : end;
    const colon = trim(this.#bytes, { start: keyEnd, end }).start;
    if (this.#bytes[colon] !== COLON) throw new SyntaxError('Expected a name and a colon');
    // Names that would reach the prototype are refused here, with an empty value.
    const field = this.#text({ start, end: keyEnd }, '{', ':{"prototype":0}}') as Record<string, unknown>;
    const [name] = Object.keys(field);
    return { [name]: await this.value(trim(this.#bytes, { start: colon + 1, end }), level + 1) };
  }

  /** The members of a list or an object: some at a time up to two pieces together, or a larger one alone. */
  async *#groups({ start, end }: Span, close: number, count: boolean): AsyncGenerator<Span, void, undefined> {
    const bytes = this.#bytes;
    const last = end - 1;
    if (bytes[last] !== close) throw new SyntaxError('Expected the end of a list or an object');
    let from = start + 1;
    let member = from;
    let depth = 0;
    for (let at = from; at < last && depth >= 0; at++) {
      if (++this.#steps % STRIDE === 0 && performance.now() - this.#resumed > SLICE) await this.#pause();
      const byte = bytes[at];
      if (byte === QUOTE || byte === 0x5b || byte === 0x7b) {
        if (count && ++this.#values > this.#maxValues) throw new RangeError('too many values');
        if (byte === QUOTE) {
          const stringEnd = this.#stringEnd(at, last);
          // Nearly always at once: a promise for each of many thousand texts would take longer than they do.
          at = (typeof stringEnd === 'number' ? stringEnd : await stringEnd) - 1;
        } else depth++;
      } else if (byte === 0x5d || byte === 0x7d) depth--;
      else if (byte === COMMA && depth === 0) {
        if (at - member > PIECE && member > from) {
          yield this.#group(from, member - 1);
          from = member;
        }
        if (at - from > PIECE) {
          yield this.#group(from, at);
          from = at + 1;
        }
        member = at + 1;
      }
    }
    if (depth !== 0) throw new SyntaxError('Brackets do not match');
    if (member > from && last - member > PIECE) {
      yield this.#group(from, member - 1);
      from = member;
    }
    if (from > start + 1 || trim(bytes, { start: from, end: last }).start < last)
      yield this.#group(from, last);
  }

  #group(start: number, end: number): Span {
    const span = trim(this.#bytes, { start, end });
    if (span.start === span.end) throw new SyntaxError('Expected a value');
    return span;
  }

  /** @returns where the string that starts at `start` is over */
  #stringEnd(start: number, end: number): number | Promise<number> {
    const at = this.#closingQuote(start + 1, end);
    return at < 0 ? this.#longStringEnd(~at, end) : at;
  }

  async #longStringEnd(from: number, end: number): Promise<number> {
    for (let at = from; ; ) {
      if (performance.now() - this.#resumed > SLICE) await this.#pause();
      const found = this.#closingQuote(at, end);
      if (found >= 0) return found;
      at = ~found;
    }
  }

  /**
   * Looks at some of the quotes in a string.
   *
   * @param from a place inside the string and outside its escapes
   * @returns where the string is over, or the complement of such a place further on
   */
  #closingQuote(from: number, end: number): number {
    let at = from;
    for (let quotes = 0; quotes < STRIDE; quotes++) {
      const quote = this.#bytes.indexOf(QUOTE, at);
      if (quote < 0 || quote >= end) throw new SyntaxError('Expected the end of a string');
      let escapes = 0;
      while (this.#bytes[quote - 1 - escapes] === BACKSLASH) escapes++;
      at = quote + 1;
      if (escapes % 2 === 0) return at;
    }
    return ~at;
  }

  /** A long string: what is between two cuts is a string of its own. */
  async #string({ start, end }: Span): Promise<string> {
    const last = end - 1;
    if ((await this.#stringEnd(start, end)) !== end) throw new SyntaxError('Expected the end of a string');
    const pieces: unknown[] = [];
    for (let from = start + 1; from < last; ) {
      const to = this.#characterEnd(from, Math.min(from + STRING_PIECE, last));
      pieces.push(this.#text({ start: from, end: to }, '"', '"'));
      from = to;
      if (performance.now() - this.#resumed > SLICE) await this.#pause();
    }
    return pieces.join('');
  }

  /**
   * The first place from `at` on that is not inside an escape or a character of a string.
   *
   * @param from such a place before it
   */
  #characterEnd(from: number, at: number): number {
    const bytes = this.#bytes;
    for (let i = Math.max(from, at - LONGEST_ESCAPE + 1); i < at; i++) {
      if (bytes[i] !== BACKSLASH) continue;
      let before = i;
      while (before > from && bytes[before - 1] === BACKSLASH) before--;
      // An escape begins with every other backslash of a row.
      if ((i - before) % 2 !== 0) continue;
      const escapeEnd = i + (bytes[i + 1] === LETTER_U ? LONGEST_ESCAPE : 2);
      if (escapeEnd > at) return escapeEnd;
    }
    let end = at;
    while ((bytes[end] & 0xc0) === 0x80) end++;
    return end;
  }

  #text({ start, end }: Span, before: string, after: string): unknown {
    return this.#parse(`${before}${this.#bytes.toString('utf8', start, end)}${after}`);
  }

  async #pause(): Promise<void> {
    await setImmediate();
    this.#resumed = performance.now();
  }
}

/** Adds the members of `part`. */
function take(out: unknown[] | Record<string, unknown>, part: unknown): void {
  if (Array.isArray(out)) for (const item of part as unknown[]) out.push(item);
  else Object.assign(out, part);
}

/** Leaves out white space at both ends. */
function trim(bytes: Buffer, { start, end }: Span): Span {
  let from = start;
  let to = end;
  while (from < to && isSpace(bytes[from])) from++;
  while (to > from && isSpace(bytes[to - 1])) to--;
  return { start: from, end: to };
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
