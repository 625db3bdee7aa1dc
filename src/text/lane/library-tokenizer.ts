import type { Encoding, Tokenizer } from 'tokenizers';
import { EmbedlaneError } from '../../core/errors.js';
import { importError } from '../../runtime/dependency-error.js';
import { laneGarbage } from '../../runtime/lane-garbage.js';
import type { TokenPlaces } from '../chunking/plan.js';
import type { Side } from '../config/index.js';
import { validTokenizer } from '../tokenizer-file.js';
import type { TokenizerJson } from '../word-piece/tokenizer-json.js';
import { utf16Offsets } from './offsets.js';
import { type Sequence, type Truncation, toSequence } from './sequences.js';

/**
 * Words that must follow the last kept token in the beginning of a text for it to stand for the whole: what
 * a tokenizer does near the end of its input may depend on what comes after, a few words before it does not.
 */
const SETTLED_WORDS = 16;

/** Where the library cuts texts by itself. */
export interface LibraryLimits {
  /** Most tokens of a text, special ones included. */
  maxTokens: number | undefined;
  side: Side;
}

/** Sequences of texts, and which of their beginnings were too short. */
export interface EncodedTexts {
  sequences: Sequence[];
  unfinished: number[];
}

/** The official library, which knows every tokenizer. Its encodings are native memory. */
export class LibraryTokenizer {
  /** Tokens of `''`. */
  readonly specialTokens: number;
  /** Whether a single text has tokens of another type than 0. */
  readonly hasTypeIds: boolean;
  readonly #truncating: Tokenizer;
  readonly #createWhole: () => Tokenizer;
  readonly #limits: LibraryLimits;
  #whole: Tokenizer | undefined;

  private constructor(
    createWhole: () => Tokenizer,
    tokenizer: Tokenizer,
    limits: LibraryLimits,
    empty: Encoding,
    short: Encoding,
  ) {
    this.#createWhole = createWhole;
    this.#truncating = tokenizer;
    this.#limits = limits;
    this.specialTokens = empty.getLength();
    this.hasTypeIds = short.getTypeIds().some((typeId) => typeId !== 0);
    // A limit below the special tokens makes the library misbehave; whoever has it asks for nothing more.
    const { maxTokens, side } = limits;
    if (maxTokens !== undefined && maxTokens > this.specialTokens) {
      tokenizer.setTruncation(maxTokens, { direction: side });
    }
  }

  /**
   * Loads the library, which takes as long as everything else of a tokenizer.
   *
   * @param json what `file` says
   * @param lowercase whether to lowercase before the tokenizer's own normalisation
   * @throws {EmbedlaneError} `ERR_MODEL_INVALID` if the library does not accept it, `ERR_NATIVE_LOAD` if it is not there or
   *   has no binary for this machine
   */
  static async open(
    file: string,
    json: string,
    lowercase: boolean,
    limits: LibraryLimits,
  ): Promise<LibraryTokenizer> {
    const library = await import('tokenizers').catch((cause: unknown) => {
      throw importError(cause) ?? cause;
    });
    const source = validTokenizer(file, () => (lowercase ? withLowercase(json) : json));
    const createWhole = () => {
      const tokenizer = library.Tokenizer.fromString(source);
      tokenizer.disableTruncation();
      tokenizer.disablePadding();
      return tokenizer;
    };
    const tokenizer = validTokenizer(file, createWhole);
    const [empty, short] = await tokenizer.encodeBatch(['', 'a']);
    return new LibraryTokenizer(createWhole, tokenizer, limits, empty, short);
  }

  /** Encodes on the library's own threads, truncated, special tokens included. */
  async encode(texts: string[]): Promise<Encoding[]> {
    return laneGarbage.encodingsMade(await this.#truncating.encodeBatch(texts));
  }

  /** Encodes for a cut that is still to be made: not truncated where that would lose the wrong end. */
  async encodeFor(texts: string[], truncation: Truncation | undefined): Promise<Encoding[]> {
    const fits = truncation === undefined || truncation.side === this.#limits.side;
    if (fits) return this.encode(texts);
    return laneGarbage.encodingsMade(await this.#untruncated().encodeBatch(texts));
  }

  /** Encodes pairs of texts, special tokens included, not truncated. */
  async encodePairs(pairs: [string, string][]): Promise<Encoding[]> {
    // One by one: the library's batches take single texts only, whatever their type says.
    const encodings = pairs.map(([first, second]) => this.#untruncated().encode(first, second));
    return laneGarbage.encodingsMade(await Promise.all(encodings));
  }

  /** @param open indices of texts that are beginnings only */
  async sequences(
    texts: string[],
    truncation: Truncation | undefined,
    open: readonly number[],
  ): Promise<EncodedTexts> {
    return this.cut(texts, await this.encodeFor(texts, truncation), truncation, open);
  }

  /** {@link sequences} of what {@link encodeFor} gave for the texts. */
  async cut(
    texts: readonly string[],
    encodings: readonly Encoding[],
    truncation: Truncation | undefined,
    open: readonly number[],
  ): Promise<EncodedTexts> {
    return {
      sequences: encodings.map((encoding) => toSequence(encoding, this.hasTypeIds, truncation)),
      unfinished: await this.unsettled(texts, encodings, open),
    };
  }

  /** Tokens of each whole text, special tokens included. */
  async count(texts: string[]): Promise<number[]> {
    const encodings = await this.#untruncated().encodeBatch(texts);
    return laneGarbage.encodingsMade(encodings).map((encoding) => encoding.getLength());
  }

  /** Where the tokens of a whole text are, special ones left out. */
  async tokens(text: string): Promise<TokenPlaces> {
    const [encoding] = await this.#untruncated().encodeBatch([text], { addSpecialTokens: false });
    return { offsets: utf16Offsets(text, encoding.getOffsets()), words: encoding.getWordIds() };
  }

  /**
   * Text of tokens.
   *
   * @throws {EmbedlaneError} `ERR_INVALID_ARG` for an id of another vocabulary, which the library would leave out
   */
  async decode(ids: number[][], skipSpecialTokens: boolean): Promise<string[]> {
    const size = this.#truncating.getVocabSize();
    for (const list of ids) {
      const unknown = list.find((id) => id >= size && this.#truncating.idToToken(id) === null);
      if (unknown !== undefined) {
        const expected = `ids of the model's own vocabulary of ${size} tokens`;
        throw new EmbedlaneError('ERR_INVALID_ARG', `Expected ${expected} but received ${unknown}`);
      }
    }
    return this.#truncating.decodeBatch(ids, skipSpecialTokens);
  }

  /** Id of a token by its spelling; undefined if there is none. */
  tokenId(token: string): number | undefined {
    return this.#truncating.tokenToId(token) ?? undefined;
  }

  /** Spelling of each token; `''` for ids that it does not know. */
  spell(ids: readonly number[]): string[] {
    return ids.map((id) => this.#truncating.idToToken(id) ?? '');
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
  async unsettled(
    texts: readonly string[],
    encodings: readonly Encoding[],
    open: readonly number[],
  ): Promise<number[]> {
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

  #untruncated(): Tokenizer {
    if (this.#limits.maxTokens === undefined) return this.#truncating;
    // A second instance, made when first needed, since the limit is a setting of the instance.
    this.#whole ??= this.#createWhole();
    return this.#whole;
  }
}

/** Number of the last word in an encoding, counted from 0; −1 if it has none. */
function lastWord(encoding: Encoding): number {
  return encoding.getWordIds().findLast((word) => typeof word === 'number') ?? -1;
}

/** Puts lowercasing before all other normalisation, unless it is there. */
function withLowercase(source: string): string {
  const json = JSON.parse(source) as TokenizerJson;
  const { normalizer } = json;
  const steps =
    normalizer?.type === 'Sequence' ? (normalizer.normalizers ?? []) : normalizer ? [normalizer] : [];
  if (steps.some((step) => step.type === 'Lowercase')) return source;
  json.normalizer = {
    type: 'Sequence',
    normalizers: [{ type: 'Lowercase' }, ...(steps as { type: string }[])],
  };
  return JSON.stringify(json);
}
