import type { NativeBinding, TokenLimits, WordPieceHandle, WordPieceSpec } from '../../native/binding.js';
import { MOST_TOKENS_PER_UNIT } from '../../native/binding.js';
import { allocateWords } from '../../native/memory.js';
import { type SpecialFrame, specialFrame } from '../word-piece/frame.js';
import { TextRoom } from '../word-piece/room.js';
import { bertFolding, wordPieceSpec } from '../word-piece/spec.js';
import { joinTexts } from '../word-piece/strings.js';
import type { TokenizerJson } from '../word-piece/tokenizer-json.js';

/** Memory for the texts and ids of one call. */
interface Desk {
  text: TextRoom;
  ids: Uint32Array;
}

/** Units of a call whose desk is kept for the next: windows have half as many, and one text may have millions. */
const KEPT_UNITS = 512 * 1024;

/** What is needed to stand in for the library. */
export interface WordPiecePlan {
  spec: WordPieceSpec;
  frame: SpecialFrame;
}

/**
 * Whether the settings of a `tokenizer.json` are of a kind that {@link WordPieceTokenizer} knows.
 *
 * @param lowercase whether to lowercase before the tokenizer's own normalisation
 */
export function suitsWordPiece(settings: TokenizerJson, lowercase: boolean): boolean {
  const { decoder, post_processor: processor, added_tokens: added = [] } = settings;
  const fold = bertFolding(settings);
  // Lowercasing twice is lowercasing once.
  if (fold === undefined || (lowercase && !fold) || !specialFrame(processor)) return false;
  // Nothing here decodes, but the library would refuse a file with a decoder that it does not know.
  if (decoder && !(decoder.type === 'WordPiece' && typeof decoder.prefix === 'string')) return false;
  // White space separates all tokens.
  return added.every(({ content }) => !/\s/.test(content));
}

/** @returns undefined if the library has to do it */
export function planWordPiece(json: TokenizerJson): WordPiecePlan | undefined {
  const spec = wordPieceSpec(json);
  const frame = specialFrame(json.post_processor);
  return spec && frame && { spec, frame };
}

type EncodeWordPiece = NonNullable<NativeBinding['encodeWordPiece']>;

/**
 * BERT's tokenizer in the addon: the ids of the library, many times as fast and without its encodings, which are native
 * memory in many pieces.
 */
export class WordPieceTokenizer {
  readonly specialTokens: number;
  readonly #encode: EncodeWordPiece;
  readonly #handle: WordPieceHandle;
  readonly #frame: SpecialFrame;
  readonly #spare: Desk[] = [];

  private constructor(encode: EncodeWordPiece, handle: WordPieceHandle, frame: SpecialFrame) {
    this.#encode = encode;
    this.#handle = handle;
    this.#frame = frame;
    this.specialTokens = frame.before.length + frame.after.length;
  }

  /** @returns undefined where there is no addon */
  static async open(
    { createWordPiece, encodeWordPiece }: NativeBinding,
    { spec, frame }: WordPiecePlan,
  ): Promise<WordPieceTokenizer | undefined> {
    if (!createWordPiece || !encodeWordPiece) return undefined;
    return new WordPieceTokenizer(encodeWordPiece, await createWordPiece(spec, 1), frame);
  }

  /**
   * Ids of each text with special tokens around them, views of one array; undefined for a text that is left to the
   * library.
   */
  async encode(
    texts: readonly string[],
    { most, fromEnd }: Omit<TokenLimits, 'dropUnknown'>,
  ): Promise<(Int32Array | undefined)[]> {
    const { before, after } = this.#frame;
    return this.#tokenize(texts, most, fromEnd, (ids, ends, known) => {
      const out = new Int32Array((ends.at(-1) ?? 0) + texts.length * this.specialTokens);
      let next = 0;
      return texts.map((_, i) => {
        const first = next;
        const start = ends[i - 1] ?? 0;
        const end = Math.min(ends[i], start + most);
        out.set(before, next);
        out.set(ids.subarray(start, end), next + before.length);
        next += before.length + end - start;
        out.set(after, next);
        next += after.length;
        return known[i] === 0 ? undefined : out.subarray(first, next);
      });
    });
  }

  /** Tokens of each text, special ones included; undefined for a text that is left to the library. */
  async count(texts: readonly string[]): Promise<(number | undefined)[]> {
    return this.#tokenize(texts, Number.POSITIVE_INFINITY, false, (_, ends, known) =>
      texts.map((_text, i) =>
        known[i] === 0 ? undefined : ends[i] - (ends[i - 1] ?? 0) + this.specialTokens,
      ),
    );
  }

  async #tokenize<T>(
    texts: readonly string[],
    most: number,
    fromEnd: boolean,
    read: (ids: Uint32Array, ends: Uint32Array, known: Uint8Array) => T,
  ): Promise<T> {
    const desk = this.#spare.pop() ?? { text: new TextRoom(), ids: new Uint32Array(0) };
    const strings = await joinTexts(texts, desk.text);
    const { length } = strings.units;
    const room = length * MOST_TOKENS_PER_UNIT;
    if (desk.ids.length < room) desk.ids = allocateWords(Uint32Array, Math.ceil(room * 1.25));
    const ends = new Uint32Array(texts.length);
    const known = new Uint8Array(texts.length);
    const limits = { most: Math.min(Math.max(1, most), 2 ** 32 - 1), fromEnd, dropUnknown: false };
    await this.#encode(this.#handle, strings, limits, { ids: desk.ids, ends, known });
    const result = read(desk.ids, ends, known);
    if (length <= KEPT_UNITS) this.#spare.push(desk);
    return result;
  }
}
