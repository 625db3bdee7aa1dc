import type { Encoding } from 'tokenizers';
import { EmbedlaneError } from '../../core/errors.js';
import { loadBinding } from '../../native/load.js';
import type { ChunkTokenizer, TokenPlaces } from '../chunking/plan.js';
import type { Side, TokenizerFiles } from '../config/index.js';
import { readTokenizerFile, validTokenizer } from '../tokenizer-file.js';
import { beginning, HEAD_GROWTH, headLength } from '../windows.js';
import type { TokenizerJson } from '../word-piece/tokenizer-json.js';
import { type EncodedTexts, LibraryTokenizer } from './library-tokenizer.js';
import type { TruncationWish } from './protocol.js';
import type { Sequence, Truncation } from './sequences.js';
import { planWordPiece, suitsWordPiece, WordPieceTokenizer } from './word-piece-tokenizer.js';

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

/**
 * A model's tokenizer, with truncation by the model's configuration and no padding (whatever `tokenizer.json` says
 * about both; batches are padded where they are formed): the addon's where that gives the same ids, else the official
 * library. The library is loaded when it is first needed.
 */
export class TextTokenizer implements ChunkTokenizer {
  readonly padding: Padding;
  readonly truncationSide: Side;
  readonly maxTokens: number | undefined;
  /** Tokens of `''`. */
  readonly specialTokens: number;
  /** Whether a single text has tokens of another type than 0. */
  readonly hasTypeIds: boolean;
  readonly #own: WordPieceTokenizer | undefined;
  readonly #openLibrary: () => Promise<LibraryTokenizer>;
  readonly #specialIds: ReadonlySet<number>;
  #library: Promise<LibraryTokenizer> | undefined;

  private constructor(
    { files, maxTokens }: TokenizerOptions,
    json: TokenizerJson,
    tokenizer: WordPieceTokenizer | LibraryTokenizer,
    openLibrary: () => Promise<LibraryTokenizer>,
    padTokenId: number | undefined,
  ) {
    this.padding = {
      id: padTokenId ?? json.padding?.pad_id ?? files.padId ?? 0,
      typeId: json.padding?.pad_type_id ?? 0,
      side: files.paddingSide ?? toSide(json.padding?.direction),
    };
    this.truncationSide = truncationSide(files, json);
    this.maxTokens = maxTokens;
    this.specialTokens = tokenizer.specialTokens;
    this.#openLibrary = openLibrary;
    if (tokenizer instanceof LibraryTokenizer) {
      this.hasTypeIds = tokenizer.hasTypeIds;
      this.#library = Promise.resolve(tokenizer);
    } else {
      this.hasTypeIds = false;
      this.#own = tokenizer;
    }
    this.#specialIds = new Set(json.added_tokens?.filter(({ special }) => special).map(({ id }) => id));
  }

  /**
   * @throws {EmbedlaneError} `ERR_MODEL_INVALID` if `tokenizer.json` is missing or malformed,
   *   `ERR_INVALID_ARG` if `maxTokens` leaves no room for a token of the text
   */
  static async open(options: TokenizerOptions): Promise<TextTokenizer> {
    const { files, maxTokens, lowercase } = options;
    const { source, json } = readSettings(files);
    const limits = { maxTokens, side: truncationSide(files, json) };
    const openLibrary = () => LibraryTokenizer.open(files.file, source, lowercase, limits);
    const own = await openOwn(
      files,
      source,
      validTokenizer(files.file, () => suitsWordPiece(json, lowercase)),
    );
    let made: TextTokenizer;
    if (own) {
      made = new TextTokenizer(options, json, own.tokenizer, openLibrary, own.padTokenId);
    } else {
      const library = await openLibrary();
      const padTokenId = files.padToken === undefined ? undefined : library.tokenId(files.padToken);
      made = new TextTokenizer(options, json, library, openLibrary, padTokenId);
    }
    if (maxTokens !== undefined && maxTokens <= made.specialTokens) {
      throw new EmbedlaneError(
        'ERR_INVALID_ARG',
        `Expected more than the tokenizer's ${made.specialTokens} special tokens for maxTokens but received ${maxTokens}`,
      );
    }
    return made;
  }

  /** Whether the addon tokenises; else the library does all. */
  get native(): boolean {
    return this.#own !== undefined;
  }

  /** The library, for what only it can do. */
  library(): Promise<LibraryTokenizer> {
    this.#library ??= this.#openLibrary();
    return this.#library;
  }

  /** What a call's wish means for this tokenizer, whose own limit stays one. */
  truncation(wish: TruncationWish | undefined): Truncation | undefined {
    if (wish === undefined) return undefined;
    const limit = this.maxTokens ?? Number.POSITIVE_INFINITY;
    return { maxTokens: Math.min(wish.maxTokens ?? limit, limit), side: wish.side ?? this.truncationSide };
  }

  /**
   * Tokenises texts, truncated, special tokens included.
   *
   * @param truncation instead of the model's own
   * @param open indices of texts that are only the beginning of what they stand for
   * @returns a sequence for each text, and which of `open` need more text: their sequences are of no use
   */
  async sequences(
    texts: string[],
    truncation?: Truncation,
    open: readonly number[] = [],
  ): Promise<EncodedTexts> {
    if (!this.#own) return (await this.library()).sequences(texts, truncation, open);
    const { side, maxTokens } = truncation ?? { side: this.truncationSide, maxTokens: this.maxTokens };
    const most = Math.max(0, (maxTokens ?? Number.POSITIVE_INFINITY) - this.specialTokens);
    const parts = texts.slice();
    for (const i of open) parts[i] = settledPart(texts[i]);
    const found = await this.#own.encode(parts, { most, fromEnd: side === 'left' });
    // Beginnings that fill the model stand for the whole, whatever follows.
    const short = new Set(
      open.filter((i) => side === 'left' || (found[i]?.length ?? 0) < most + this.specialTokens),
    );
    const left = [...found.keys()].filter((i) => found[i] === undefined || short.has(i));
    const sequences = found.map((ids): Sequence => ({ ids: ids as Int32Array, typeIds: undefined }));
    if (left.length === 0) return { sequences, unfinished: [] };
    const opened = new Set(open);
    const places = left.flatMap((i, place) => (opened.has(i) ? place : []));
    const rest = await (await this.library()).sequences(
      left.map((i) => texts[i]),
      truncation,
      places,
    );
    left.forEach((i, place) => {
      sequences[i] = rest.sequences[place];
    });
    return { sequences, unfinished: rest.unfinished.map((place) => left[place]) };
  }

  /**
   * {@link sequences} that reads only the beginning of texts much longer than what is kept: of 16 MB of one text, the
   * encoding of the rest would be half a gigabyte that is thrown away.
   */
  async sequencesOfBeginnings(texts: string[], truncation?: Truncation): Promise<Sequence[]> {
    return (await this.#beginnings(texts, truncation)).sequences;
  }

  /**
   * Encodes pairs of texts, special tokens included, not truncated, but reads only the beginning of a text much longer
   * than what is kept, unless the other of its pair fills the model too: which of them has more tokens decides who gets
   * an odd one.
   */
  async encodePairBeginnings(pairs: [string, string][]): Promise<Encoding[]> {
    const library = await this.library();
    const head = this.#head(undefined);
    const isLong = (text: string) => text.length > head;
    const mixed = pairs.filter(([first, second]) => isLong(first) !== isLong(second));
    const counts = await this.count(mixed.map((pair) => pair[isLong(pair[0]) ? 1 : 0]));
    const shortened = mixed.filter((_, i) => counts[i] < (this.maxTokens ?? Number.POSITIVE_INFINITY));
    if (shortened.length === 0) return library.encodePairs(pairs);
    const { parts } = await this.#beginnings(
      shortened.map((pair) => pair[isLong(pair[0]) ? 0 : 1]),
      undefined,
    );
    const places = new Map(shortened.map((pair, i) => [pair, parts[i]] as const));
    return library.encodePairs(
      pairs.map((pair) => {
        const part = places.get(pair);
        if (part === undefined) return pair;
        return isLong(pair[0]) ? [part, pair[1]] : [pair[0], part];
      }),
    );
  }

  async #beginnings(texts: string[], truncation: Truncation | undefined) {
    let head = this.#head(truncation);
    const parts = texts.map((text) => beginning(text, head));
    const open = texts.flatMap((text, i) => (parts[i].length < text.length ? i : []));
    let { sequences, unfinished } = await this.sequences(parts, truncation, open);
    while (unfinished.length > 0) {
      head *= HEAD_GROWTH;
      const longer = unfinished.map((i) => beginning(texts[i], head));
      const still = unfinished.flatMap((i, n) => (longer[n].length < texts[i].length ? n : []));
      const found = await this.sequences(longer, truncation, still);
      unfinished.forEach((i, n) => {
        parts[i] = longer[n];
        sequences[i] = found.sequences[n];
      });
      unfinished = found.unfinished.map((n) => unfinished[n]);
    }
    return { parts, sequences };
  }

  /** Characters of a text that are read first; all of it where its end may be what is kept. */
  #head(truncation: Truncation | undefined): number {
    const sides = [this.truncationSide, truncation?.side ?? this.truncationSide];
    return sides.includes('left') ? Number.POSITIVE_INFINITY : headLength(this.maxTokens);
  }

  /** Tokens of each whole text, special tokens included. */
  async count(texts: string[]): Promise<number[]> {
    const counts = (await this.#own?.count(texts)) ?? texts.map(() => undefined);
    const left = [...counts.keys()].filter((i) => counts[i] === undefined);
    if (left.length > 0) {
      const rest = await (await this.library()).count(left.map((i) => texts[i]));
      left.forEach((i, place) => {
        counts[i] = rest[place];
      });
    }
    return counts as number[];
  }

  async tokens(text: string): Promise<TokenPlaces> {
    return (await this.library()).tokens(text);
  }

  /**
   * Leading tokens that belong to a prompt: its tokens without a special token at the end, counted as
   * sentence-transformers does.
   */
  async promptLength(prompt: string): Promise<number> {
    const { ids } = (await this.sequences([prompt])).sequences[0];
    const last = ids.at(-1);
    return last !== undefined && this.#specialIds.has(last) ? ids.length - 1 : ids.length;
  }
}

/** The addon's tokenizer, if it can do what the file says; `suited` if that is so for all but the model. */
async function openOwn({ file, padToken }: TokenizerFiles, source: string, suited: boolean) {
  const binding = loadBinding();
  if (!suited || !binding.createWordPiece) return undefined;
  const { plan, padTokenId } = validTokenizer(file, () => {
    const json = JSON.parse(source) as TokenizerJson;
    return { plan: planWordPiece(json), padTokenId: tokenId(json, padToken) };
  });
  const tokenizer = plan && (await WordPieceTokenizer.open(binding, plan));
  return tokenizer && { tokenizer, padTokenId };
}

/** What of a beginning is followed by white space, after which a word of BERT's begins. */
function settledPart(text: string): string {
  return text.slice(0, Math.max(0, text.lastIndexOf(' ')));
}

/** A `tokenizer.json` and its settings, with the normalisation that the model's other files want. */
function readSettings({ file, bert }: TokenizerFiles): { source: string; json: TokenizerJson } {
  const source = readTokenizerFile(file);
  return validTokenizer(file, () => {
    const json = parseSettings(source);
    const { normalizer } = json;
    if (normalizer?.type !== 'BertNormalizer' || !bert) return { source, json };
    const wanted = {
      ...normalizer,
      lowercase: bert.lowercase,
      strip_accents: bert.stripAccents,
      handle_chinese_chars: bert.handleChineseChars,
    };
    if (JSON.stringify(wanted) === JSON.stringify(normalizer)) return { source, json };
    const whole: TokenizerJson = { ...(JSON.parse(source) as TokenizerJson), normalizer: wanted };
    return { source: JSON.stringify(whole), json: { ...json, normalizer: wanted } };
  });
}

/** Keys that the library writes before the model, in every file. */
const SETTINGS = [
  'truncation',
  'padding',
  'added_tokens',
  'normalizer',
  'pre_tokenizer',
  'post_processor',
  'decoder',
] as const;

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

/** Id of a token by its spelling. */
function tokenId(
  { model, added_tokens: added = [] }: TokenizerJson,
  token: string | undefined,
): number | undefined {
  if (token === undefined) return undefined;
  const vocabulary = model?.vocab as Record<string, number>;
  return (
    added.find(({ content }) => content === token)?.id ??
    (Object.hasOwn(vocabulary, token) ? vocabulary[token] : undefined)
  );
}

function truncationSide({ truncationSide }: TokenizerFiles, { truncation }: TokenizerJson): Side {
  return truncationSide ?? toSide(truncation?.direction);
}

function toSide(direction: string | undefined): Side {
  return direction?.toLowerCase() === 'left' ? 'left' : 'right';
}
