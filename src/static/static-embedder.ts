/// <reference lib="esnext.disposable" preserve="true" />

import { throwIfAborted } from '../core/abort.js';
import { requireMaker } from '../core/constructed.js';
import type { Embedder } from '../core/embedder.js';
import { Embeddings, type Matrix, type MatrixLike } from '../core/embeddings.js';
import { EmbedlaneError, invalidArgument } from '../core/errors.js';
import { textList } from '../core/validate.js';
import { loadRepairing, resolveModel, staticModelFiles } from '../hub/index.js';
import type { Task } from '../text/config/index.js';
import {
  checkEnoughRows,
  checkPartQuantization,
  type EncodePrecision,
  quantizeRows,
} from '../text/quantization.js';
import { encodeStream } from '../text/stream.js';
import type { Tokenized } from '../text/tokenize-job.js';
import { similarity } from '../vectors/distances.js';
import { StaticModel } from './model.js';
import {
  checkStaticEncodeOptions,
  checkStaticLoadOptions,
  type StaticEncodeOptions,
  type StaticLoadOptions,
} from './options.js';

/**
 * Turns texts into vectors with a static model (model2vec, or StaticEmbedding of sentence-transformers): the
 * mean of a vector per token, from a table. Thousands of times faster than a transformer and less exact.
 *
 * Works on the addon's own threads, without onnxruntime and without a child process. The table is read into
 * memory once.
 *
 * @example
 * const model = await StaticEmbedder.load('./potion-base-8M');
 * const vectors = await model.encode(['A man is eating food.', 'Someone has dinner.']);
 * await model.close();
 */
export class StaticEmbedder implements Embedder {
  /** Short name of a bundled model, or the path that the model was loaded from. */
  readonly modelId: string;
  readonly #model: StaticModel;

  private constructor(id: string, model: StaticModel) {
    requireMaker('StaticEmbedder.load', model);
    this.modelId = id;
    this.#model = model;
  }

  /**
   * Loads a model.
   *
   * @param model path of a folder with `model.safetensors` and `tokenizer.json` (absolute, or starting with `./`
   *   or `../`), or the id of such a model
   * @throws {EmbedlaneError} `ERR_INVALID_ARG`; `ERR_MODEL_NOT_FOUND` if there is no such model;
   *   `ERR_MODEL_INVALID` if a file of it is missing, malformed or not supported; `ERR_ABORTED`
   */
  static async load(model: string, options?: StaticLoadOptions): Promise<StaticEmbedder> {
    const { signal, hub, ...wishes } = checkStaticLoadOptions(options);
    throwIfAborted(signal);
    const location = await resolveModel(model, { select: staticModelFiles, hub, signal });
    const loaded = await loadRepairing(location, () => StaticModel.open(location.folder, wishes));
    try {
      throwIfAborted(signal);
    } catch (error) {
      loaded.close();
      throw error;
    }
    return new StaticEmbedder(location.id, loaded);
  }

  /** Width of an embedding, before any `truncateDim`. */
  get dimensions(): number {
    return this.#model.dims;
  }

  /** Longest text in tokens; longer texts are cut. Infinity without a limit. */
  get maxTokens(): number {
    return this.#model.maxTokens;
  }

  /** The model's prompts by name. */
  get prompts(): Readonly<Record<string, string>> {
    return { ...this.#model.config.prompts };
  }

  /**
   * Embeds texts.
   *
   * @param texts one text or a list; a text without tokens gives zeros, an empty list zero rows
   * @returns one row per text, in the order of the texts; `dims` is {@link dimensions} or `truncateDim`
   * @throws {EmbedlaneError} `ERR_INVALID_ARG`, `ERR_ABORTED`, `ERR_CLOSED`
   */
  async encode<P extends EncodePrecision = 'float32'>(
    texts: string | readonly string[],
    options?: StaticEncodeOptions<P>,
  ): Promise<Embeddings<P>> {
    return this.#encode(texts, options);
  }

  /** {@link encode} with the model's `query` prompt, if it has one. */
  async encodeQuery<P extends EncodePrecision = 'float32'>(
    texts: string | readonly string[],
    options?: StaticEncodeOptions<P>,
  ): Promise<Embeddings<P>> {
    return this.#encode(texts, options, 'query');
  }

  /** {@link encode} with the model's prompt for documents: `document`, else `passage`, else `corpus`. */
  async encodeDocument<P extends EncodePrecision = 'float32'>(
    texts: string | readonly string[],
    options?: StaticEncodeOptions<P>,
  ): Promise<Embeddings<P>> {
    return this.#encode(texts, options, 'document');
  }

  /** {@link encodeDocument} as plain arrays: the contract of LangChain and many others. */
  async embedDocuments(texts: readonly string[]): Promise<number[][]> {
    return (await this.encodeDocument(texts)).toArrays();
  }

  /** {@link encodeQuery} of one text as a plain array. */
  async embedQuery(text: string): Promise<number[]> {
    if (typeof text !== 'string') throw invalidArgument('text', 'a string', text);
    return Array.from((await this.encodeQuery(text)).row(0));
  }

  /**
   * Embeds a stream of texts part by part, in order and with bounded memory.
   *
   * @param texts any iterable or async iterable of strings
   * @returns parts of up to `window` rows (default 1024)
   */
  encodeStream<P extends EncodePrecision = 'float32'>(
    texts: AsyncIterable<string> | Iterable<string>,
    options?: Omit<StaticEncodeOptions<P>, 'onProgress'> & { window?: number },
  ): AsyncGenerator<Embeddings<P>, void, undefined> {
    return encodeStream<P>(texts, options, {
      check: (encodeOptions) => checkPartQuantization(this.#check(encodeOptions).quantization),
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

  /** Tokens of each text as the model sees them: there are no special ones. */
  async tokenize(texts: string | readonly string[]): Promise<Tokenized[]> {
    const list = textList('texts', texts);
    const { ids, ends, tokens, offsets } = await this.#model.tokenize(list, true);
    return list.map((_, i) => {
      const [start, end] = [ends[i - 1] ?? 0, ends[i]];
      const places = Array.from({ length: end - start }, (_, t): [number, number] => [
        offsets[2 * (start + t)],
        offsets[2 * (start + t) + 1],
      ]);
      return { ids: Array.from(ids.subarray(start, end)), tokens: tokens.slice(start, end), offsets: places };
    });
  }

  /** Number of tokens of the whole text, however long it is. */
  async countTokens(text: string): Promise<number> {
    if (typeof text !== 'string') throw invalidArgument('text', 'a string', text);
    return (await this.#model.count([text]))[0];
  }

  /** Calls in progress reject with `ERR_CLOSED`, as do later ones. Closing again does nothing. */
  async close(): Promise<void> {
    this.#model.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #check(options: StaticEncodeOptions | undefined, task?: Task) {
    return checkStaticEncodeOptions(options, { dims: this.dimensions, ...this.#model.config }, task);
  }

  async #encode<P extends EncodePrecision>(
    texts: unknown,
    options: StaticEncodeOptions<P> | undefined,
    task?: Task,
  ): Promise<Embeddings<P>> {
    const list = textList('texts', texts);
    const { quantization, ...output } = this.#check(options, task);
    if (quantization) checkEnoughRows(quantization, list.length);
    if (this.#model.closed) {
      throw new EmbedlaneError('ERR_CLOSED', 'Expected an open model but it has been closed');
    }
    throwIfAborted(output.signal);
    const { data } = await this.#model.embed(list, output);
    const rows = new Embeddings(data, list.length, output.dims);
    const result = quantization ? await quantizeRows(rows, quantization, output.signal) : rows;
    return result as Embeddings<EncodePrecision> as Embeddings<P>;
  }
}
