import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { throwIfAborted } from '../core/abort.js';
import { EmbedlaneError } from '../core/errors.js';
import { Pace } from '../core/pace.js';
import type { Progress } from '../core/progress.js';
import type { NativeBinding, TokenLimits } from '../native/binding.js';
import { loadBinding } from '../native/load.js';
import { allocateFloats } from '../native/memory.js';
import type { Side } from '../text/config/index.js';
import type { TruncationWish } from '../text/lane/protocol.js';
import { readStaticConfig, type StaticLibrary, type StaticModelConfig } from './config.js';
import { type EmbeddingTable, readTable, type TableMode } from './table.js';
import { MeanOfTokens, type PreparedTexts } from './text-means.js';
import { StaticTokenizer, TextRoom, type TokenizedTexts } from './tokenizer/index.js';
import { type TextRange, textRanges } from './windows.js';

export interface StaticModelOptions {
  library: StaticLibrary | undefined;
  maxTokens: number | undefined;
  /** Default: all that the machine runs at once. */
  threads: number | undefined;
  mode: TableMode;
}

/** How rows are to come out. */
export interface StaticOutput {
  prompt: string;
  normalize: boolean;
  /** Width of a row. */
  dims: number;
  signal: AbortSignal | undefined;
  /** Hears of the tokens too. */
  onProgress: ((done: Required<Progress>) => void) | undefined;
  /** Where a call cuts texts, if not where the model does. */
  truncation?: TruncationWish;
}

export interface StaticRows {
  /** Row-major, in the order of the texts. */
  data: Float32Array;
  /** Tokens of each text. */
  lengths: Uint32Array;
}

type PreparedRange = PreparedTexts & TextRange;

/** A tokenizer and a table of vectors: a text's vector is the mean of its tokens'. */
export class StaticModel {
  readonly config: StaticModelConfig;
  readonly #table: EmbeddingTable;
  readonly #tokenizer: StaticTokenizer;
  readonly #means: MeanOfTokens;
  readonly #limits: TokenLimits;
  /** model2vec cuts texts to so many characters before it tokenises them. */
  readonly #mostCharacters: number;
  readonly #threads: number;
  #closed = false;

  private constructor(
    config: StaticModelConfig,
    table: EmbeddingTable,
    tokenizer: StaticTokenizer,
    binding: NativeBinding,
    maxTokens: number | undefined,
    threads: number,
  ) {
    const { facts } = tokenizer;
    const model2vec = config.library === 'model2vec';
    this.config = config;
    this.#table = table;
    this.#tokenizer = tokenizer;
    this.#means = new MeanOfTokens(tokenizer, table, binding);
    const most = maxTokens ?? (model2vec ? config.maxTokens : facts.most);
    this.#limits = {
      most: most ?? MOST,
      fromEnd: !model2vec && facts.fromEnd,
      dropUnknown: model2vec && facts.unknown !== undefined,
    };
    this.#mostCharacters =
      model2vec && most !== undefined ? most * facts.medianTokenLength : Number.POSITIVE_INFINITY;
    this.#threads = threads;
  }

  /** @throws {EmbedlaneError} `ERR_MODEL_INVALID` if a file is missing, malformed, or does not fit another */
  static async open(folder: string, options: StaticModelOptions): Promise<StaticModel> {
    const binding = loadBinding();
    const { maxTokens, threads = availableParallelism() } = options;
    const config = await readStaticConfig(folder, options.library);
    const [table, opened] = await Promise.allSettled([
      readTable(join(folder, config.path, 'model.safetensors'), options.mode),
      StaticTokenizer.open(join(folder, config.path, 'tokenizer.json'), binding, threads),
    ]);
    if (opened.status === 'rejected') throw opened.reason;
    const tokenizer = opened.value;
    try {
      if (table.status === 'rejected') throw table.reason;
      const { highestId } = tokenizer.facts;
      if (highestId >= table.value.rows) {
        throw new EmbedlaneError(
          'ERR_MODEL_INVALID',
          `Expected a vector for each of the tokenizer's ${highestId + 1} tokens but received ${table.value.rows}`,
        );
      }
      return new StaticModel(config, table.value, tokenizer, binding, maxTokens, threads);
    } catch (error) {
      tokenizer.close();
      throw error;
    }
  }

  get dims(): number {
    return this.#table.dims;
  }

  get maxTokens(): number {
    return this.#limits.most === MOST ? Number.POSITIVE_INFINITY : this.#limits.most;
  }

  /** Side on which longer texts are cut. */
  get truncationSide(): Side {
    return this.#limits.fromEnd ? 'left' : 'right';
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Whether texts are tokenised by the addon and not by the library. */
  get native(): boolean {
    return this.#tokenizer.native;
  }

  /** @param data where the rows go; new memory by default */
  async embed(
    texts: readonly string[],
    output: StaticOutput,
    data = allocateFloats(texts.length * output.dims),
  ): Promise<StaticRows> {
    const out: StaticRows = { data, lengths: new Uint32Array(texts.length) };
    this.#means.makeRoom(data);
    const ranges = textRanges(texts);
    // Results arrive in one native callback after the other, between which no timer would ever run.
    const pace = new Pace(output.signal);
    let completed = 0;
    let tokens = 0;
    let stopped = false;
    const work = async () => {
      // While the addon computes one range, the next is made ready in the other room.
      const rooms = [new TextRoom(), new TextRoom()];
      const prepare = () => {
        const { value: range } = ranges.next();
        return range && this.#prepare(texts, range, output, rooms.reverse()[0]);
      };
      for (let next = prepare(); next; ) {
        const range = await next;
        throwIfAborted(output.signal);
        if (stopped) return;
        const embedded = this.#embedRange(range, output, out);
        next = prepare();
        next?.catch(() => {}); // heard when it is awaited, or nobody's any more
        const found = await embedded;
        tokens += found;
        this.#assertOpen();
        completed += range.end - range.start;
        if (!stopped) output.onProgress?.({ completed, total: texts.length, tokens });
        if (pace.due) await pace.turn();
      }
    };
    const workers = Array.from({ length: RANGES_PER_THREAD * this.#threads }, work);
    try {
      await Promise.all(workers);
    } catch (error) {
      stopped = true;
      // The others still write to what is about to be given up.
      await Promise.allSettled(workers);
      throw error;
    }
    return out;
  }

  /** Tokens of each whole text. */
  async count(texts: readonly string[]): Promise<number[]> {
    this.#assertOpen();
    const { ends } = await this.#tokenizer.encode(texts, { ...this.#limits, most: MOST });
    return Array.from(ends, (end, i) => end - (ends[i - 1] ?? 0));
  }

  async tokenize(texts: readonly string[], limited: boolean): Promise<TokenizedTexts> {
    this.#assertOpen();
    const limits = limited ? this.#limits : { ...this.#limits, most: MOST };
    return this.#tokenizer.tokenize(limited ? texts.map((text) => this.#cut(text)) : texts, limits);
  }

  async decode(ids: number[][], skipSpecialTokens: boolean): Promise<string[]> {
    this.#assertOpen();
    return this.#tokenizer.decode(ids, skipSpecialTokens);
  }

  close(): void {
    this.#closed = true;
    this.#tokenizer.close();
  }

  async #prepare(
    texts: readonly string[],
    { start, end }: TextRange,
    { prompt }: StaticOutput,
    room: TextRoom,
  ): Promise<PreparedRange> {
    let part = texts.slice(start, end);
    if (prompt !== '') part = part.map((text) => prompt + text);
    if (this.#mostCharacters !== Number.POSITIVE_INFINITY) part = part.map((text) => this.#cut(text));
    return { start, end, ...(await this.#means.prepare(part, room)) };
  }

  /** @returns tokens of these texts */
  async #embedRange(
    range: PreparedRange,
    { normalize, dims, truncation }: StaticOutput,
    out: StaticRows,
  ): Promise<number> {
    const { start, end } = range;
    const cut = dims < this.#table.dims;
    const plan = {
      dims: this.#table.dims,
      normalize: this.config.normalize || (normalize && !cut),
      kept: dims,
      normalizeKept: normalize && cut,
    };
    const counts = out.lengths.subarray(start, end);
    const into = { means: out.data.subarray(start * dims, end * dims), counts };
    await this.#means.embed(range, this.#limitsOf(truncation), plan, into);
    return counts.reduce((sum, count) => sum + count, 0);
  }

  #limitsOf({ maxTokens = MOST, side }: Partial<TruncationWish> = {}): TokenLimits {
    const { most, fromEnd, dropUnknown } = this.#limits;
    return { most: Math.min(most, maxTokens), fromEnd: side ? side === 'left' : fromEnd, dropUnknown };
  }

  /** The first so many characters, as Python counts them. */
  #cut(text: string): string {
    if (text.length <= this.#mostCharacters) return text;
    let end = 0;
    for (let i = 0; i < this.#mostCharacters && end < text.length; i++) {
      end += (text.codePointAt(end) as number) > 0xffff ? 2 : 1;
    }
    return text.slice(0, end);
  }

  #assertOpen(): void {
    if (this.#closed) throw new EmbedlaneError('ERR_CLOSED', 'Expected an open model but it has been closed');
  }
}

/** In the addon's hands: with one, a thread waited for the main thread to give it the next. */
const RANGES_PER_THREAD = 2;

/** No limit, as the binding takes it. */
const MOST = 2 ** 32 - 1;
