/// <reference lib="esnext.disposable" preserve="true" />

import { throwIfAborted } from '../core/abort.js';
import { requireMaker } from '../core/constructed.js';
import { withDeadline } from '../core/deadline.js';
import type { Embedder } from '../core/embedder.js';
import type { Embeddings, Matrix, MatrixLike } from '../core/embeddings.js';
import { withCallerStack } from '../core/errors.js';
import { textList } from '../core/validate.js';
import { loadRepairing, type ModelLocation } from '../hub/index.js';
import type { RuntimeStats } from '../runtime/index.js';
import { allowTeam, DEFAULT_TOKEN_BUDGET, openLane, RuntimeMeter } from '../runtime/index.js';
import { similarity } from '../vectors/distances.js';
import type { Chunk, ChunkEmbeddings } from './chunking/chunk-embeddings.js';
import { encodeChunks } from './chunking/encode-chunks.js';
import type { EachChunk } from './chunking/options.js';
import type { Task, TextModelConfig } from './config/index.js';
import type { Loaded } from './lane/protocol.js';
import { locateModel, planModel } from './load.js';
import {
  type ChunkTextOptions,
  checkEncodeOptions,
  checkLoadOptions,
  type DecodeOptions,
  type EncodeOptions,
  type EncodePlan,
  type EncodeStreamOptions,
  type LoadOptions,
  type LoadSettings,
  type ModelSettings,
  resolvePrompt,
  TASK_PROMPTS,
} from './options.js';
import {
  checkEnoughRows,
  checkPartQuantization,
  type EncodePrecision,
  quantizeRows,
} from './quantization.js';
import { type RowSink, sinkFor } from './rows.js';
import { SmallCalls } from './small-calls.js';
import { isStaticFolder } from './static-models.js';
import { encodeStream } from './stream.js';
import { TextJobs } from './text-jobs.js';
import type { TextLane } from './text-lane.js';
import { closedError, oneText, TokenCalls } from './token-calls.js';
import type { Tokenized } from './tokenize-job.js';

const LANE = new URL('./lane/main.js', import.meta.url);

/** Texts that may wait: seconds of work, not minutes. */
const DEFAULT_MAX_QUEUE = 10_000;

/** What {@link TextEmbedder.load} found out about a model. */
interface Model {
  id: string;
  modelFile: string;
  config: TextModelConfig;
  maxTokens: number | undefined;
  tokenBudget: number;
  maxQueue: number;
  cacheBytes: number;
  loaded: Loaded;
}

/**
 * Turns texts into vectors, with the numbers of sentence-transformers.
 *
 * Tokenizer and model live in a child process, so no call blocks the event loop and no crash of native code
 * reaches this process; a child that dies is replaced and its work done again. An idle model does not keep
 * the program alive.
 *
 * @example
 * const model = await TextEmbedder.load('all-MiniLM-L6-v2');
 * const vectors = await model.encode(['A man is eating food.', 'Someone has dinner.']);
 * model.similarity(vectors, vectors).data;
 * await model.close();
 */
export class TextEmbedder implements Embedder {
  readonly #lane: TextLane;
  readonly #model: Model;
  readonly #settings: ModelSettings;
  readonly #small: SmallCalls;
  readonly #jobs: TextJobs;
  readonly #tokens: TokenCalls;
  readonly #meter: RuntimeMeter;

  private constructor(lane: TextLane, model: Model) {
    requireMaker('TextEmbedder.load', lane);
    const { prompts, defaultPromptName, truncateDim, routes, routeOf } = model.config;
    const { dimensions, tokenDimensions, specialTokens } = model.loaded;
    this.#lane = lane;
    this.#model = model;
    this.#settings = {
      dimensions,
      tokenDimensions,
      specialTokens,
      maxTokens: model.maxTokens,
      prompts,
      defaultPromptName,
      truncateDim,
      routes,
      routeOf,
    };
    this.#tokens = new TokenCalls(lane, this.#settings);
    const { tokenBudget: budget, maxTokens, maxQueue, cacheBytes } = model;
    const { truncationSide } = model.loaded;
    this.#meter = new RuntimeMeter(budget);
    this.#jobs = new TextJobs(lane, { maxTokens, truncationSide, meter: this.#meter });
    this.#small = new SmallCalls(this.#jobs, { budget, maxQueue, lane, cacheBytes });
  }

  /**
   * Loads a model.
   *
   * @param model name of a bundled model; path of a folder in the layout of sentence-transformers with an ONNX
   *   file, or of a static model (absolute, or starting with `./` or `../`); or `org/name` or `org/name@revision` on the Hugging Face
   *   Hub, downloaded once into the cache that Python uses too
   * @throws {EmbedlaneError} `ERR_INVALID_ARG`; `ERR_MODEL_NOT_FOUND` if there is no such model or variant;
   *   `ERR_DOWNLOAD`, `ERR_CHECKSUM`, `ERR_IO` if it cannot be fetched; `ERR_MODEL_INVALID` if a file of it is
   *   missing, malformed or not supported; `ERR_DEVICE`; `ERR_RUNTIME` if the child process cannot start or dies;
   *   `ERR_ABORTED`
   */
  static async load(model: string, options?: LoadOptions): Promise<TextEmbedder> {
    const settings = checkLoadOptions(options);
    throwIfAborted(settings.signal);
    const location = await locateModel(model, settings);
    return loadRepairing(location, () => TextEmbedder.#open(location, settings));
  }

  static async #open(location: ModelLocation, settings: LoadSettings): Promise<TextEmbedder> {
    const { signal, maxQueue = DEFAULT_MAX_QUEUE, cacheBytes, runtime } = settings;
    throwIfAborted(signal);
    if (await isStaticFolder(location.folder)) {
      // Loaded when needed, and without onnxruntime.
      const { openStaticText } = await import('../static/open-text-lane.js');
      const { lane, ...model } = await openStaticText(location, settings);
      return new TextEmbedder(lane, { ...model, tokenBudget: DEFAULT_TOKEN_BUDGET, maxQueue, cacheBytes });
    }
    const plan = planModel(location, settings);
    const loadParams = plan.then(({ params }) => params);
    const { lane, loaded } = await openLane<Loaded>(LANE, loadParams, runtime.lanes, signal);
    const { params, bytes, ...model } = await plan;
    allowTeam(lane, params, bytes, runtime.lanes);
    return new TextEmbedder(lane, {
      ...model,
      tokenBudget: params.tokenBudget,
      maxQueue,
      cacheBytes,
      loaded,
    });
  }

  /** Short name of a bundled model, the path that the model was loaded from, or `org/name` with any `@revision`. */
  get modelId(): string {
    return this.#model.id;
  }

  /** Path of the ONNX file in use; of several, that of `encode`. */
  get modelFile(): string {
    return this.#model.modelFile;
  }

  /** Width of an embedding, before any `truncateDim`. */
  get dimensions(): number {
    return this.#model.loaded.dimensions;
  }

  /** Longest text in tokens, special tokens included; longer texts are cut. Infinity without a limit. */
  get maxTokens(): number {
    return this.#model.maxTokens ?? Number.POSITIVE_INFINITY;
  }

  /** The model's prompts by name. */
  get prompts(): Readonly<Record<string, string>> {
    return { ...this.#settings.prompts };
  }

  /** @internal The prompt that {@link encode}, or the call for a task, puts before each text. */
  promptFor(task: Task | undefined, promptName: string | undefined): string {
    return resolvePrompt({ promptName }, this.#settings, task === undefined ? [] : TASK_PROMPTS[task]);
  }

  /**
   * Embeds texts.
   *
   * @param texts one text or a list; `''` is fine, and an empty list gives zero rows
   * @returns one row per text, in the order of the texts; `dims` is {@link dimensions} or `truncateDim`
   * @throws {EmbedlaneError} `ERR_INVALID_ARG`, `ERR_ABORTED`, `ERR_TIMEOUT`, `ERR_OVERLOADED`, `ERR_CLOSED`,
   *   `ERR_MODEL_INVALID` if the model computes NaN, `ERR_RUNTIME` if the model fails or its process dies twice over
   *   the same texts
   */
  encode(
    texts: string | readonly string[],
    options: EncodeOptions & { output: 'token' },
  ): Promise<Embeddings[]>;
  encode<P extends EncodePrecision = 'float32'>(
    texts: string | readonly string[],
    options: EncodeOptions<P> & EachChunk,
  ): Promise<ChunkEmbeddings<P>[]>;
  encode<P extends EncodePrecision = 'float32'>(
    texts: string | readonly string[],
    options?: EncodeOptions<P> & { output?: 'sentence' },
  ): Promise<Embeddings<P>>;
  encode(texts: string | readonly string[], options?: EncodeOptions) {
    return this.#encode(texts, options);
  }

  /** {@link encode} with the model's `query` prompt, if it has one, and the route for queries. */
  encodeQuery(
    texts: string | readonly string[],
    options: EncodeOptions & { output: 'token' },
  ): Promise<Embeddings[]>;
  encodeQuery<P extends EncodePrecision = 'float32'>(
    texts: string | readonly string[],
    options: EncodeOptions<P> & EachChunk,
  ): Promise<ChunkEmbeddings<P>[]>;
  encodeQuery<P extends EncodePrecision = 'float32'>(
    texts: string | readonly string[],
    options?: EncodeOptions<P> & { output?: 'sentence' },
  ): Promise<Embeddings<P>>;
  encodeQuery(texts: string | readonly string[], options?: EncodeOptions) {
    return this.#encode(texts, options, 'query');
  }

  /**
   * {@link encode} with the model's prompt for documents, `document`, else `passage`, else `corpus`, and the
   * route for documents.
   */
  encodeDocument(
    texts: string | readonly string[],
    options: EncodeOptions & { output: 'token' },
  ): Promise<Embeddings[]>;
  encodeDocument<P extends EncodePrecision = 'float32'>(
    texts: string | readonly string[],
    options: EncodeOptions<P> & EachChunk,
  ): Promise<ChunkEmbeddings<P>[]>;
  encodeDocument<P extends EncodePrecision = 'float32'>(
    texts: string | readonly string[],
    options?: EncodeOptions<P> & { output?: 'sentence' },
  ): Promise<Embeddings<P>>;
  encodeDocument(texts: string | readonly string[], options?: EncodeOptions) {
    return this.#encode(texts, options, 'document');
  }

  /** {@link encodeDocument} as plain arrays: the contract of LangChain and many others. */
  async embedDocuments(texts: readonly string[]): Promise<number[][]> {
    return (await this.encodeDocument(texts)).toArrays();
  }

  /** {@link encodeQuery} of one text as a plain array. */
  async embedQuery(text: string): Promise<number[]> {
    return Array.from((await this.encodeQuery(oneText(text))).row(0));
  }

  /**
   * Embeds a stream of texts part by part, in order and with bounded memory: while one part is in the model,
   * the next is collected. Leaving the loop early stops the work.
   *
   * @param texts any iterable or async iterable of strings
   * @returns what `encode` returns for each part of up to `window` texts
   */
  encodeStream<P extends EncodePrecision = 'float32'>(
    texts: AsyncIterable<string> | Iterable<string>,
    options: EncodeStreamOptions<P> & EachChunk,
  ): AsyncGenerator<ChunkEmbeddings<P>[], void, undefined>;
  encodeStream<P extends EncodePrecision = 'float32'>(
    texts: AsyncIterable<string> | Iterable<string>,
    options?: EncodeStreamOptions<P>,
  ): AsyncGenerator<Embeddings<P>, void, undefined>;
  encodeStream(texts: AsyncIterable<string> | Iterable<string>, options?: EncodeStreamOptions) {
    return encodeStream(texts, options, {
      check: (encodeOptions) => {
        checkPartQuantization(checkEncodeOptions(encodeOptions, this.#settings).quantization);
      },
      encode: (part, encodeOptions) => this.#encode(part, encodeOptions),
    });
  }

  /**
   * Compares every row of `a` with every row of `b` by the model's own similarity function.
   *
   * @returns `a.rows × b.rows` scores; larger is more similar
   * @throws {EmbedlaneError} `ERR_DIMENSION` if the widths differ
   */
  similarity(a: MatrixLike, b: MatrixLike): Matrix {
    return similarity(a, b, { metric: this.#model.config.similarity });
  }

  /**
   * Cuts a text into chunks of whole sentences that fit the model, as `encode` does with the option `chunking`.
   *
   * @returns the chunks in order; none for a text without tokens
   * @throws {EmbedlaneError} `ERR_INVALID_ARG`, `ERR_ABORTED`, `ERR_CLOSED`
   */
  async chunk(text: string, options?: ChunkTextOptions): Promise<Chunk[]> {
    return this.#tokens.chunk(text, options);
  }

  /** Tokens of each text as the model sees them: truncated, special tokens included. */
  async tokenize(texts: string | readonly string[]): Promise<Tokenized[]> {
    return this.#tokens.tokenize(texts, this.#jobs.head());
  }

  /** Number of tokens of the whole text, special tokens included, however long it is. */
  async countTokens(text: string): Promise<number> {
    return this.#tokens.count(text);
  }

  /**
   * Text of tokens, as the tokenizer puts it together: not always the text that they were made from.
   *
   * @param ids one list of token ids, or several
   * @returns one text, or one per list
   * @throws {EmbedlaneError} `ERR_INVALID_ARG` for ids that the model's vocabulary does not have
   */
  decode(ids: readonly number[], options?: DecodeOptions): Promise<string>;
  decode(ids: readonly (readonly number[])[], options?: DecodeOptions): Promise<string[]>;
  async decode(ids: readonly number[] | readonly (readonly number[])[], options?: DecodeOptions) {
    return this.#tokens.decode(ids, options);
  }

  /** What the model has done so far and what waits for it. */
  stats(): RuntimeStats {
    const { queue, cache } = this.#small;
    const { device, health: lanes } = this.#lane;
    return this.#meter.stats({ ...queue, cache, device, lanes });
  }

  /**
   * Ends the model's process. Calls in progress reject with `ERR_CLOSED`, as do later ones. Closing again
   * does nothing.
   */
  async close(): Promise<void> {
    const closed = this.#lane.close();
    this.#small.close(closedError());
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #encode(texts: unknown, options: EncodeOptions | undefined, task?: Task) {
    const list = textList('texts', texts);
    const checked = checkEncodeOptions(options, this.#settings, task);
    if (checked.timeout === undefined) return await this.#encodeList(list, checked);
    return await withDeadline(checked, (signal) => this.#encodeList(list, { ...checked, signal }));
  }

  async #encodeList(list: string[], plan: EncodePlan) {
    if (plan.quantization) checkEnoughRows(plan.quantization, list.length);
    this.#assertOpen();
    throwIfAborted(plan.signal);
    try {
      if (plan.chunking) return await this.#encodeChunks(list, plan);
      const sink = sinkFor(list.length, plan, this.#model.loaded);
      const tokens = await this.#meter.call(() => this.#embed(list, plan, sink));
      plan.onUsage?.({ tokens });
      const rows = sink.finish();
      if (!plan.quantization || Array.isArray(rows)) return rows;
      return await quantizeRows(rows, plan.quantization, plan.signal);
    } catch (error) {
      throw withCallerStack(error);
    }
  }

  #encodeChunks(texts: string[], plan: EncodePlan) {
    return this.#meter.call(() =>
      encodeChunks(texts, plan, {
        lane: this.#lane,
        dimensions: this.dimensions,
        normalizes: this.#settings.routes[plan.route].modules.at(-1)?.type === 'normalize',
        embed: (list, partPlan, sink) => this.#embed(list, partPlan, sink),
      }),
    );
  }

  /** @returns tokens of all texts */
  async #embed(texts: string[], plan: EncodePlan, sink: RowSink<unknown>): Promise<number> {
    if (this.#small.accepts(texts, plan)) return await this.#small.encode(texts, plan, sink);
    const job = this.#jobs.create(texts, plan, sink);
    await job.run();
    return job.lengths.reduce((sum, length) => sum + length, 0);
  }

  #assertOpen(): void {
    if (this.#lane.closed) throw closedError();
  }
}
