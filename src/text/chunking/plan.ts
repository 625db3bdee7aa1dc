import { EmbedlaneError } from '../../core/errors.js';
import { type Range, sentences } from './sentences.js';

/** What has to be known of a model's tokenizer to cut texts to its measure. Nothing of it truncates. */
export interface ChunkTokenizer {
  /** Tokens of each text, special tokens included. */
  count(texts: string[]): Promise<number[]>;
  /** The tokens of a text, special ones left out. */
  tokens(text: string): Promise<TokenPlaces>;
}

/** Where the tokens of a text are. */
export interface TokenPlaces {
  /** Start and end of each, flat, in UTF-16 units. */
  offsets: readonly number[];
  /** Which of the text's words each belongs to; undefined if that is not known. */
  words: readonly (number | null | undefined)[];
}

/** How a text is cut. */
export interface ChunkLimits {
  /** Most tokens of a chunk, special tokens and those of the prompt included. */
  maxTokens: number;
  /** Most tokens that a chunk repeats of the one before it. */
  overlap: number;
  /** What will be put before each chunk. */
  prompt: string;
}

/** A chunk of a text. */
export interface ChunkRange {
  /** `[start, end)` in UTF-16 units of the text, without white space around it. */
  start: number;
  end: number;
  /** Its tokens as a text of its own, special tokens included, without the prompt's. */
  tokens: number;
}

/** A sentence, or a part of one that is too long. */
interface Piece {
  start: number;
  end: number;
  /** Tokens, special ones left out. */
  size: number;
}

/** Sentences whose tokens are counted in one go. */
const SENTENCES = 256;

/**
 * Cuts a text into chunks of whole sentences, as many as fit into each. A sentence that is too long is cut between
 * lines, else between words, else between tokens, and never within a character. That a chunk fits is checked
 * by counting the tokens of the chunk itself: tokens of a part are not always part of the whole's tokens.
 *
 * A text of white space, or without any token, has no chunks.
 *
 * @throws {EmbedlaneError} `ERR_INVALID_ARG` if special tokens and prompt leave no room
 */
export async function planChunks(
  text: string,
  tokenizer: ChunkTokenizer,
  limits: ChunkLimits,
): Promise<ChunkRange[]> {
  return new Planner(text, tokenizer, limits).plan();
}

class Planner {
  readonly #text: string;
  readonly #tokenizer: ChunkTokenizer;
  readonly #limits: ChunkLimits;
  readonly #chunks: ChunkRange[] = [];
  /** Pieces of the chunk that is being filled. */
  #open: Piece[] = [];
  #special = 0;
  /** Most tokens of a chunk without special ones and the prompt. */
  #room = 0;

  constructor(text: string, tokenizer: ChunkTokenizer, limits: ChunkLimits) {
    this.#text = text;
    this.#tokenizer = tokenizer;
    this.#limits = limits;
  }

  async plan(): Promise<ChunkRange[]> {
    const { maxTokens, prompt } = this.#limits;
    const [special, prompted] = await this.#tokenizer.count(['', prompt]);
    this.#special = special;
    this.#room = maxTokens - prompted;
    if (this.#room < 1) {
      const what = prompt === '' ? 'special tokens' : 'special tokens and prompt';
      throw new EmbedlaneError(
        'ERR_INVALID_ARG',
        `Expected more than the ${prompted} tokens of ${what} for chunking.maxTokens but received ${maxTokens}`,
      );
    }
    let batch: Range[] = [];
    for (const sentence of sentences(this.#text)) {
      if (batch.push(sentence) < SENTENCES) continue;
      await this.#add(batch);
      batch = [];
    }
    await this.#add(batch);
    while (this.#open.length > 0) await this.#close(undefined);
    return this.#chunks;
  }

  async #add(ranges: readonly Range[]): Promise<void> {
    for (const piece of await this.#measure(ranges)) {
      if (piece.size <= this.#room) await this.#place(piece);
      else for await (const part of this.#cut(piece)) await this.#place(part);
    }
  }

  async #measure(ranges: readonly Range[]): Promise<Piece[]> {
    const counts = await this.#tokenizer.count(ranges.map(([start, end]) => this.#text.slice(start, end)));
    return ranges.map(([start, end], i) => ({ start, end, size: counts[i] - this.#special }));
  }

  async #place(piece: Piece): Promise<void> {
    while (this.#open.length > 0 && size(this.#open) + piece.size > this.#room) await this.#close(piece);
    this.#open.push(piece);
  }

  /** Ends a chunk with as many of the open pieces as fit, and begins the next with what it is to repeat of them. */
  async #close(next: Piece | undefined): Promise<void> {
    let count = this.#open.length;
    let chunk = await this.#chunk(this.#open);
    while (chunk && !chunk.fits && count > 1) chunk = await this.#chunk(this.#open.slice(0, --count));
    const taken = this.#open.slice(0, count);
    const rest = this.#open.slice(count);
    if (chunk && (chunk.fits || taken[0].size <= 1)) this.#chunks.push(chunk.range);
    else if (chunk) rest.unshift(...(await this.#smaller(taken[0])));
    const [following] = next ? [...rest, next] : rest;
    this.#open = following ? [...this.#repeated(taken, following.size), ...rest] : rest;
  }

  /** Parts of a piece that has fewer tokens within its sentence than by itself. */
  async #smaller(piece: Piece): Promise<Piece[]> {
    const parts: Piece[] = [];
    for await (const part of this.#cutTokens(piece)) parts.push(part);
    // Nothing is smaller than a token.
    return parts.length > 1 ? parts : parts.map((part) => ({ ...part, size: 1 }));
  }

  /** The last pieces of a chunk that the next one repeats: never all of it, and only with room for new ones. */
  #repeated(pieces: readonly Piece[], newSize: number): Piece[] {
    const most = Math.min(this.#limits.overlap, this.#room - newSize);
    let first = pieces.length;
    while (first > 1 && size(pieces.slice(first - 1)) <= most) first--;
    return pieces.slice(first);
  }

  /** The pieces as one chunk; undefined if there is no token in them. */
  async #chunk(pieces: readonly Piece[]): Promise<{ range: ChunkRange; fits: boolean } | undefined> {
    const raw = this.#text.slice(pieces[0].start, pieces[pieces.length - 1].end);
    const content = raw.trim();
    const start = pieces[0].start + raw.indexOf(content);
    const { prompt, maxTokens } = this.#limits;
    const texts = prompt === '' ? [content] : [content, prompt + content];
    const counts = await this.#tokenizer.count(texts);
    if (counts[0] <= this.#special) return undefined;
    const range = { start, end: start + content.length, tokens: counts[0] };
    return { range, fits: Math.max(...counts) <= maxTokens };
  }

  /** Parts of a piece that is too long. */
  async *#cut(piece: Piece): AsyncGenerator<Piece, void, undefined> {
    const lines = lineRanges(this.#text, piece);
    if (lines.length === 1) {
      yield* this.#cutTokens(piece);
      return;
    }
    for (const line of await this.#measure(lines)) {
      if (line.size <= this.#room) yield line;
      else yield* this.#cutTokens(line);
    }
  }

  async *#cutTokens({ start, end }: Piece): AsyncGenerator<Piece, void, undefined> {
    const text = this.#text.slice(start, end);
    const places = await this.#tokenizer.tokens(text);
    const total = places.offsets.length / 2;
    for (let first = 0, from = 0; first < total; ) {
      let next = Math.min(total, first + this.#room);
      let to = 0;
      for (;;) {
        if (next < total) next = bestBreak(text, places, first, next);
        to = next < total ? places.offsets[2 * next] : text.length;
        const part = { start: start + from, end: start + to, size: next - first };
        if (next === first + 1 || (await this.#chunk([part]))?.fits !== false) {
          yield part;
          break;
        }
        next = first + Math.max(1, Math.floor((next - first) * 0.9));
      }
      from = to;
      first = next;
    }
  }
}

function size(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, piece) => sum + piece.size, 0);
}

function lineRanges(text: string, { start, end }: Piece): Range[] {
  const ranges: Range[] = [];
  for (let from = start; from < end; ) {
    const line = text.indexOf('\n', from);
    const to = line === -1 || line >= end ? end : line + 1;
    ranges.push([from, to]);
    from = to;
  }
  return ranges;
}

/**
 * The token before which to cut, at most `limit`: of those in the second half, the last after white space, else
 * the last that begins a word, else the last that does not share a character with the one before it.
 */
function bestBreak(text: string, { offsets, words }: TokenPlaces, first: number, limit: number): number {
  const least = first + Math.max(1, Math.floor((limit - first) / 2));
  const borders = [
    (token: number) => /\s/.test(text.slice(offsets[2 * token - 1], offsets[2 * token] + 1)),
    (token: number) => words[token] !== words[token - 1],
  ];
  for (const isBorder of borders) {
    for (let token = limit; token >= least; token--)
      if (separate(offsets, token) && isBorder(token)) return token;
  }
  let token = limit;
  while (token > first + 1 && !separate(offsets, token)) token--;
  // A character of more tokens than fit stays whole: the caller then has one token at a time to go on with.
  return token;
}

function separate(offsets: readonly number[], token: number): boolean {
  return offsets[2 * token] >= offsets[2 * token - 1];
}
