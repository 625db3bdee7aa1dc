import { readFile } from 'node:fs/promises';
import { type Encoding, Tokenizer } from 'tokenizers';
import { EmbedlaneError } from '../../core/errors.js';
import type { ChunkTokenizer, TokenPlaces } from '../chunking/plan.js';
import type { Side, TokenizerFiles } from '../config/index.js';
import { beginning, HEAD_GROWTH, headLength } from '../windows.js';
import { EncodingGarbage } from './encoding-garbage.js';
import type { TruncationWish } from './protocol.js';
import type { Truncation } from './sequences.js';

/**
 * Words that must follow the last kept token in the beginning of a text for it to stand for the whole: what
 * a tokenizer does near the end of its input may depend on what comes after, a few words before it does not.
 */
const SETTLED_WORDS = 16;

export interface TokenizerOptions {
  files: TokenizerFiles;
  /** Most tokens per text, special tokens included. */
  maxTokens: number | undefined;
  /** Lowercase before the tokenizer's own normalisation (`do_lower_case`). */
  lowercase: boolean;
}

export interface Padding {
  id: number;
  typeId: number;
  side: Side;
}

/** The parts of `tokenizer.json` that are read here; the rest is the library's business. */
interface TokenizerJson {
  normalizer?: { type: string; normalizers?: { type: string }[] } | null;
  truncation?: { direction?: string } | null;
  padding?: { direction?: string; pad_id?: number; pad_type_id?: number } | null;
  added_tokens?: { id: number; special?: boolean }[];
}

/**
 * A model's tokenizer: the official library, with truncation by the model's configuration and no padding
 * (whatever `tokenizer.json` says about both; batches are padded where they are formed).
 */
export class TextTokenizer implements ChunkTokenizer {
  readonly padding: Padding;
  readonly truncationSide: Side;
  readonly maxTokens: number | undefined;
  /** Tokens of `''`. */
  readonly specialTokens: number;
  readonly #truncating: Tokenizer;
  readonly #json: string;
  readonly #specialIds: ReadonlySet<number>;
  readonly #garbage = new EncodingGarbage();
  #whole: Tokenizer | undefined;

  private constructor(
    options: TokenizerOptions,
    json: string,
    parsed: TokenizerJson,
    tokenizer: Tokenizer,
    specialTokens: number,
  ) {
    this.specialTokens = specialTokens;
    const { files, maxTokens } = options;
    const padTokenId = files.padToken === undefined ? null : tokenizer.tokenToId(files.padToken);
    this.padding = {
      id: padTokenId ?? parsed.padding?.pad_id ?? files.padId ?? 0,
      typeId: parsed.padding?.pad_type_id ?? 0,
      side: files.paddingSide ?? toSide(parsed.padding?.direction),
    };
    this.truncationSide = files.truncationSide ?? toSide(parsed.truncation?.direction);
    this.maxTokens = maxTokens;
    if (maxTokens !== undefined) tokenizer.setTruncation(maxTokens, { direction: this.truncationSide });
    this.#truncating = tokenizer;
    this.#json = json;
    this.#specialIds = new Set(
      parsed.added_tokens?.filter((token) => token.special).map((token) => token.id),
    );
  }

  /**
   * @throws {EmbedlaneError} `ERR_MODEL_INVALID` if `tokenizer.json` is missing or malformed,
   *   `ERR_INVALID_ARG` if `maxTokens` leaves no room for a token of the text
   */
  static async open(options: TokenizerOptions): Promise<TextTokenizer> {
    const { file } = options.files;
    let json: string;
    try {
      json = await readFile(file, 'utf8');
    } catch (cause) {
      throw new EmbedlaneError('ERR_MODEL_INVALID', `Expected a readable tokenizer in ${file}`, { cause });
    }
    let parsed: TokenizerJson;
    let tokenizer: Tokenizer;
    try {
      parsed = options.lowercase ? (JSON.parse(json) as TokenizerJson) : parseSettings(json);
      if (options.lowercase && addLowercase(parsed)) json = JSON.stringify(parsed);
      tokenizer = createWhole(json);
    } catch (cause) {
      throw new EmbedlaneError('ERR_MODEL_INVALID', `Expected a valid tokenizer in ${file}`, { cause });
    }
    // Asked while truncation is off: the library misbehaves with a limit below the special tokens.
    const special = (await tokenizer.encode('')).getLength();
    if (options.maxTokens !== undefined && options.maxTokens <= special) {
      throw new EmbedlaneError(
        'ERR_INVALID_ARG',
        `Expected more than the tokenizer's ${special} special tokens for maxTokens but received ${options.maxTokens}`,
      );
    }
    return new TextTokenizer(options, json, parsed, tokenizer, special);
  }

  /** Encodes on the library's own threads, truncated, special tokens included. */
  async encode(texts: string[]): Promise<Encoding[]> {
    return this.#garbage.expect(await this.#truncating.encodeBatch(texts));
  }

  /** Encodes pairs of texts, special tokens included, not truncated. */
  async encodePairs(pairs: [string, string][]): Promise<Encoding[]> {
    // One by one: the library's batches take single texts only, whatever their type says.
    const encodings = pairs.map(([first, second]) => this.#untruncated().encode(first, second));
    return this.#garbage.expect(await Promise.all(encodings));
  }

  /** Id of a token by its spelling; undefined if there is none. */
  tokenId(token: string): number | undefined {
    return this.#truncating.tokenToId(token) ?? undefined;
  }

  /** Spelling of each token; `''` for ids that it does not know. */
  spell(ids: readonly number[]): string[] {
    return ids.map((id) => this.#truncating.idToToken(id) ?? '');
  }

  /** What a call's wish means for this tokenizer, whose own limit stays one. */
  truncation(wish: TruncationWish | undefined): Truncation | undefined {
    if (wish === undefined) return undefined;
    const limit = this.maxTokens ?? Number.POSITIVE_INFINITY;
    return { maxTokens: Math.min(wish.maxTokens ?? limit, limit), side: wish.side ?? this.truncationSide };
  }

  /** Encodes for a cut that is still to be made: not truncated where that would lose the wrong end. */
  async encodeFor(texts: string[], truncation: Truncation | undefined): Promise<Encoding[]> {
    const fits = truncation === undefined || truncation.side === this.truncationSide;
    if (fits) return this.encode(texts);
    return this.#garbage.expect(await this.#untruncated().encodeBatch(texts));
  }

  /**
   * {@link encodeFor} that reads only the beginning of texts much longer than what is kept: of 16 MB of one text, the
   * encoding of the rest would be half a gigabyte that is thrown away.
   */
  async encodeBeginnings(texts: string[], truncation: Truncation | undefined): Promise<Encoding[]> {
    return (await this.#beginnings(texts, truncation)).encodings;
  }

  /**
   * {@link encodePairs} that reads only the beginning of a text much longer than what is kept, unless both of its pair
   * are: which of them has more tokens decides who gets an odd one.
   */
  async encodePairBeginnings(pairs: [string, string][]): Promise<Encoding[]> {
    const head = this.#head(undefined);
    const long = pairs.filter((pair) => pair.filter((text) => text.length > head).length === 1);
    if (long.length === 0) return this.encodePairs(pairs);
    const { parts } = await this.#beginnings(long.flat(), undefined);
    const shortened = new Map(long.map((pair, i) => [pair, parts.slice(2 * i, 2 * i + 2)] as const));
    return this.encodePairs(pairs.map((pair) => (shortened.get(pair) as [string, string]) ?? pair));
  }

  async #beginnings(texts: string[], truncation: Truncation | undefined) {
    let head = this.#head(truncation);
    const parts = texts.map((text) => beginning(text, head));
    const encodings = await this.encodeFor(parts, truncation);
    let open = texts.flatMap((text, i) => (parts[i].length < text.length ? i : []));
    for (;;) {
      const unsettled = await this.unsettled(parts, encodings, open);
      if (unsettled.length === 0) return { parts, encodings };
      head *= HEAD_GROWTH;
      const longer = unsettled.map((i) => beginning(texts[i], head));
      const found = await this.encodeFor(longer, truncation);
      unsettled.forEach((i, n) => {
        parts[i] = longer[n];
        encodings[i] = found[n];
      });
      open = unsettled.filter((i) => parts[i].length < texts[i].length);
    }
  }

  /** Characters of a text that are read first; all of it where its end may be what is kept. */
  #head(truncation: Truncation | undefined): number {
    const sides = [this.truncationSide, truncation?.side ?? this.truncationSide];
    return sides.includes('left') ? Number.POSITIVE_INFINITY : headLength(this.maxTokens);
  }

  /** Tokens of each whole text, special tokens included. */
  async count(texts: string[]): Promise<number[]> {
    const encodings = await this.#untruncated().encodeBatch(texts);
    return this.#garbage.expect(encodings).map((encoding) => encoding.getLength());
  }

  /** Where the tokens of a whole text are, special ones left out. */
  async tokens(text: string): Promise<TokenPlaces> {
    const [encoding] = await this.#untruncated().encodeBatch([text], { addSpecialTokens: false });
    return { offsets: utf16Offsets(text, encoding.getOffsets()), words: encoding.getWordIds() };
  }

  /** Text of tokens. */
  decode(ids: number[][], skipSpecialTokens: boolean): Promise<string[]> {
    return this.#truncating.decodeBatch(ids, skipSpecialTokens);
  }

  #untruncated(): Tokenizer {
    if (this.maxTokens === undefined) return this.#truncating;
    // A second instance, made when first needed, since the limit is a setting of the instance.
    this.#whole ??= createWhole(this.#json);
    return this.#whole;
  }

  /**
   * Leading tokens that belong to a prompt: its tokens without a special token at the end, counted as
   * sentence-transformers does.
   */
  async promptLength(prompt: string): Promise<number> {
    const ids = (await this.encode([prompt]))[0].getIds();
    const last = ids.at(-1);
    return last !== undefined && this.#specialIds.has(last) ? ids.length - 1 : ids.length;
  }

  /**
   * Which beginnings of texts are too short to stand for the whole: `encodings`, made from them, may differ
   * from the whole text's.
   *
   * A beginning suffices if truncation cut it and, after the last kept token, at least
   * {@link SETTLED_WORDS} words are left. Words as the pre-tokenizer cuts them: tokens are merged within
   * words only. What has no word borders, be it a megabyte of one letter or any text for a tokenizer without
   * pre-tokenizer, never suffices and is in the end tokenised as a whole.
   *
   * @param texts what was encoded
   * @param open indices of beginnings
   * @returns those of `open` that need more text
   */
  async unsettled(texts: string[], encodings: Encoding[], open: number[]): Promise<number[]> {
    if (open.length === 0) return [];
    const rests = open.map((index) => {
      const encoding = encodings[index];
      if (encoding.getOverflowing().length === 0) return '';
      const offsets = utf16Offsets(texts[index], encoding.getOffsets());
      return texts[index].slice(offsets.reduce((a, b) => Math.max(a, b), 0));
    });
    const words = (await this.encode(rests)).map((encoding) => lastWord(encoding) + 1);
    return open.filter((_, i) => words[i] < SETTLED_WORDS);
  }
}

/** Number of the last word in an encoding, counted from 0; −1 if it has none. */
function lastWord(encoding: Encoding): number {
  return encoding.getWordIds().findLast((word) => typeof word === 'number') ?? -1;
}

/** Keys that the library writes before the model, in every file. */
const SETTINGS = ['truncation', 'padding', 'added_tokens', 'normalizer'] as const;

/**
 * The settings of a `tokenizer.json` without its model, whose vocabulary is nearly all of the file: parsing that
 * takes as long as the library does for everything. The library writes the model last; a file that is in another
 * order is parsed as a whole.
 */
function parseSettings(json: string): TokenizerJson {
  // Within strings, quotes are escaped, so this can only be a key.
  const model = json.search(/,\s*"model"\s*:/);
  try {
    const settings = JSON.parse(`${json.slice(0, model)}}`) as TokenizerJson;
    if (model !== -1 && SETTINGS.every((key) => key in settings)) return settings;
  } catch {
    // A key of that name further inside.
  }
  return JSON.parse(json) as TokenizerJson;
}

function createWhole(json: string): Tokenizer {
  const tokenizer = Tokenizer.fromString(json);
  tokenizer.disableTruncation();
  tokenizer.disablePadding();
  return tokenizer;
}

/** Puts lowercasing before all other normalisation, unless it is there. Returns whether it changed anything. */
function addLowercase(json: TokenizerJson): boolean {
  const { normalizer } = json;
  const steps =
    normalizer?.type === 'Sequence' ? (normalizer.normalizers ?? []) : normalizer ? [normalizer] : [];
  if (steps.some((step) => step.type === 'Lowercase')) return false;
  json.normalizer = { type: 'Sequence', normalizers: [{ type: 'Lowercase' }, ...steps] };
  return true;
}

function toSide(direction: string | undefined): Side {
  return direction?.toLowerCase() === 'left' ? 'left' : 'right';
}

/**
 * Offsets in UTF-16 units from the library's, which count code points.
 *
 * @param text well-formed text that was encoded
 * @param offsets `[start, end)` per token
 * @returns start and end of each token, flat
 */
export function utf16Offsets(text: string, offsets: number[][]): number[] {
  if (!/[\ud800-\udbff]/.test(text)) return offsets.flat();
  let last = 0;
  for (const [, end] of offsets) last = Math.max(last, end);
  const units = [0];
  for (const character of text) {
    if (units.length > last) break;
    units.push(units[units.length - 1] + character.length);
  }
  return offsets.flatMap(([start, end]) => [units[start], units[end]]);
}
