import type {
  MeanPlan,
  NativeBinding,
  Strings,
  TextMeans,
  TokenBags,
  TokenLimits,
  VectorTable,
  WordPieceHandle,
} from '../../native/binding.js';
import { MOST_TOKENS_PER_UNIT } from '../../native/binding.js';
import { allocateWords } from '../../native/memory.js';
import { TextRoom } from '../../text/word-piece/room.js';
import { joinTexts } from '../../text/word-piece/strings.js';
import type { TokenizerFacts } from './facts.js';
import type { Encoded, TokenizedTexts } from './worker-protocol.js';
import { WorkerTokenizer } from './worker-tokenizer.js';

export { TextRoom } from '../../text/word-piece/room.js';
export type { TokenizerFacts } from './facts.js';
export type { Encoded, TokenizedTexts } from './worker-protocol.js';

/** A tokenizer without special tokens: our own where it gives the same ids, else the library in a worker. */
export class StaticTokenizer {
  readonly facts: TokenizerFacts;
  readonly #file: string;
  readonly #binding: NativeBinding;
  readonly #wordPiece: WordPieceHandle | undefined;
  #worker: Promise<WorkerTokenizer> | undefined;
  #closed = false;

  private constructor(
    file: string,
    binding: NativeBinding,
    facts: TokenizerFacts,
    wordPiece: WordPieceHandle | undefined,
    worker: WorkerTokenizer | undefined,
  ) {
    this.#file = file;
    this.#binding = binding;
    this.facts = facts;
    this.#wordPiece = wordPiece;
    this.#worker = worker && Promise.resolve(worker);
  }

  /**
   * @param file absolute path of a `tokenizer.json`
   * @param threads of the addon that tokenise and embed at a time
   * @throws {EmbedlaneError} `ERR_MODEL_INVALID` if it is missing or malformed
   */
  static async open(file: string, binding: NativeBinding, threads: number): Promise<StaticTokenizer> {
    const { tokenizer, opened } = await WorkerTokenizer.open(file);
    const { facts, wordPiece } = opened;
    if (!wordPiece || !binding.createWordPiece) {
      await tokenizer
        .encode([''], { most: 1, fromEnd: false, dropUnknown: false })
        .catch((error: unknown) => {
          tokenizer.close();
          throw error;
        });
      return new StaticTokenizer(file, binding, facts, undefined, tokenizer);
    }
    tokenizer.close();
    const made = await binding.createWordPiece(wordPiece, threads);
    return new StaticTokenizer(file, binding, facts, made, undefined);
  }

  /** Whether the addon tokenises; else the library does. */
  get native(): boolean {
    return this.#wordPiece !== undefined;
  }

  async encode(texts: readonly string[], limits: TokenLimits): Promise<Encoded> {
    const { encodeWordPiece } = this.#binding;
    if (!this.#wordPiece || !encodeWordPiece)
      return (await this.#library()).encode(wellFormed(texts), limits);
    const strings = await joinTexts(texts, new TextRoom());
    const bags: TokenBags = {
      ids: allocateWords(Uint32Array, strings.units.length * MOST_TOKENS_PER_UNIT),
      ends: new Uint32Array(texts.length),
      known: new Uint8Array(texts.length),
    };
    await encodeWordPiece(this.#wordPiece, strings, limits, bags);
    if (bags.known.includes(0)) return this.#complete(texts, limits, bags);
    return { ids: bags.ids.subarray(0, bags.ends.at(-1) ?? 0), ends: bags.ends };
  }

  /**
   * Copies texts to where the addon reads them; undefined if they are the library's.
   *
   * @param room memory for it, in use until {@link embed} is done
   */
  async join(texts: readonly string[], room: TextRoom): Promise<Strings | undefined> {
    return this.native ? joinTexts(texts, room) : undefined;
  }

  /**
   * The mean of the table's rows of each text's tokens.
   *
   * @param texts from {@link join}
   * @returns per text, 0 if it is left to {@link encode}
   */
  async embed(
    texts: Strings,
    limits: TokenLimits,
    table: VectorTable,
    plan: MeanPlan,
    into: Pick<TextMeans, 'means' | 'counts'>,
  ): Promise<Uint8Array> {
    const known = new Uint8Array(texts.ends.length);
    const { embedWordPiece } = this.#binding;
    if (this.#wordPiece && embedWordPiece) {
      await embedWordPiece(this.#wordPiece, texts, limits, table, plan, { ...into, known });
    }
    return known;
  }

  async tokenize(texts: readonly string[], limits: TokenLimits): Promise<TokenizedTexts> {
    return (await this.#library()).tokenize(wellFormed(texts), limits);
  }

  async decode(ids: number[][], skipSpecialTokens: boolean): Promise<string[]> {
    return (await this.#library()).decode(ids, skipSpecialTokens);
  }

  close(): void {
    this.#closed = true;
    this.#worker?.then(
      (worker) => worker.close(),
      () => {},
    );
  }

  /** Asks the library for the texts that the addon left to it. */
  async #complete(
    texts: readonly string[],
    limits: TokenLimits,
    bags: Encoded & { known: Uint8Array },
  ): Promise<Encoded> {
    const open = texts.filter((_, i) => bags.known[i] === 0);
    const rest = await (await this.#library()).encode(wellFormed(open), limits);
    const ids = new Uint32Array((bags.ends.at(-1) ?? 0) + rest.ids.length);
    const ends = new Uint32Array(texts.length);
    let end = 0;
    let next = 0;
    texts.forEach((_, i) => {
      const [source, index] = bags.known[i] === 0 ? [rest, next++] : [bags, i];
      const tokens = source.ids.subarray(source.ends[index - 1] ?? 0, source.ends[index]);
      ids.set(tokens, end);
      end += tokens.length;
      ends[i] = end;
    });
    return { ids, ends };
  }

  #library(): Promise<WorkerTokenizer> {
    this.#worker ??= WorkerTokenizer.open(this.#file).then(({ tokenizer }) => {
      if (this.#closed) tokenizer.close();
      return tokenizer;
    });
    return this.#worker;
  }
}

/** ES2024, and in every Node.js that this package supports; the compiler's library is older. */
function wellFormed(texts: readonly string[]): string[] {
  return texts.map((text) => (text as string & { toWellFormed(): string }).toWellFormed());
}
