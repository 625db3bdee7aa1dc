/// <reference lib="esnext.disposable" preserve="true" />
import { Embeddings, type Matrix } from '../core/embeddings.js';
import { invalidArgument } from '../core/errors.js';
import { optionalBoolean, optionalInteger, optionsObject, textList } from '../core/validate.js';
import type { Task } from '../text/config/index.js';
import { resolvePrompt, TASK_PROMPTS } from '../text/options.js';
import type { RankedDocument } from './cross-encoder.js';
import { type LateInteractionConfig, readLateInteraction } from './late-interaction-config.js';
import {
  CALL_OPTIONS,
  type CallOptions,
  checkCallOptions,
  type HeadLoadOptions,
  type LoadedHead,
  loadHead,
} from './load.js';
import { maxSim, tokenMatrices } from './max-sim.js';

/** Options of `encodeQuery` and `encodeDocument`. */
export interface LateInteractionEncodeOptions extends CallOptions {
  /** Text put before each text, instead of the model's prompt; `''` for none. */
  prompt?: string;
  /** Name of one of the model's prompts. `prompt` has precedence. */
  promptName?: string;
}

/** Options of `rank`. */
export interface LateInteractionRankOptions extends CallOptions {
  /** How many documents to return. Default: all. */
  topK?: number;
  /** Return the documents' texts, too. */
  returnDocuments?: boolean;
}

const MAX_TOP_K = 2 ** 32 - 1;

/**
 * Turns texts into one vector per token and compares them token by token (ColBERT): nearly as exact as a
 * cross-encoder, with documents that are encoded in advance. Queries are expanded with mask tokens, queries and
 * documents marked, and punctuation left out of documents, as the model's files say.
 *
 * Works in a child process, as `TextEmbedder` does.
 *
 * @example
 * const model = await LateInteractionEmbedder.load('./answerai-colbert-small-v1');
 * const documents = await model.encodeDocument(['Cats sleep all day.', 'Rates rose.']);
 * const scores = await model.similarity(await model.encodeQuery('Who naps a lot?'), documents);
 * await model.close();
 */
export class LateInteractionEmbedder implements AsyncDisposable {
  readonly #model: LoadedHead<LateInteractionConfig>;

  private constructor(model: LoadedHead<LateInteractionConfig>) {
    this.#model = model;
  }

  /**
   * Loads a model with vectors per token.
   *
   * @param model as for `TextEmbedder.load`
   * @throws {EmbedlaneError} what `TextEmbedder.load` throws
   */
  static async load(model: string, options?: HeadLoadOptions): Promise<LateInteractionEmbedder> {
    const extra = (files: readonly string[]) => files.filter((file) => file === 'artifact.metadata');
    return new LateInteractionEmbedder(await loadHead(model, options, readLateInteraction, extra));
  }

  get modelId(): string {
    return this.#model.id;
  }

  /** Width of a token's vector. */
  get dimensions(): number {
    return this.#model.widths.tokens;
  }

  /**
   * Encodes queries.
   *
   * @param texts one text or a list
   * @returns one matrix per text: a row of length 1 per token
   * @throws {EmbedlaneError} `ERR_INVALID_ARG`, `ERR_ABORTED`, `ERR_CLOSED`, `ERR_MODEL_INVALID`, `ERR_RUNTIME`
   */
  async encodeQuery(
    texts: string | readonly string[],
    options?: LateInteractionEncodeOptions,
  ): Promise<Embeddings[]> {
    return this.#encode(texts, options, 'query');
  }

  /** {@link encodeQuery} for documents: tokens of the skip list have no row. */
  async encodeDocument(
    texts: string | readonly string[],
    options?: LateInteractionEncodeOptions,
  ): Promise<Embeddings[]> {
    return this.#encode(texts, options, 'document');
  }

  /**
   * MaxSim of every query with every document: for each token of the query its best match, summed.
   *
   * @throws {EmbedlaneError} `ERR_INVALID_ARG`, `ERR_DIMENSION`, `ERR_ABORTED`
   */
  async similarity(
    queries: Embeddings | readonly Embeddings[],
    documents: Embeddings | readonly Embeddings[],
    options?: Pick<CallOptions, 'signal'>,
  ): Promise<Matrix> {
    const { signal } = checkCallOptions(
      optionsObject<Pick<CallOptions, 'signal'>>('options', options, ['signal']),
    );
    return maxSim(tokenMatrices('queries', queries), tokenMatrices('documents', documents), 'sum', signal);
  }

  /**
   * Sorts documents by how well they answer a query, best first; ties by the order given.
   *
   * @throws {EmbedlaneError} as {@link encodeQuery}
   */
  async rank(
    query: string,
    documents: readonly string[],
    options?: LateInteractionRankOptions,
  ): Promise<RankedDocument[]> {
    const given = optionsObject<LateInteractionRankOptions>('options', options, [
      'topK',
      'returnDocuments',
      ...CALL_OPTIONS,
    ]);
    if (typeof query !== 'string') throw invalidArgument('query', 'a string', query);
    if (!Array.isArray(documents)) throw invalidArgument('documents', 'an array of strings', documents);
    const texts = textList('documents', documents);
    const topK = optionalInteger('topK', given.topK, 1, MAX_TOP_K) ?? texts.length;
    const withText = optionalBoolean('returnDocuments', given.returnDocuments) ?? false;
    const { signal, onProgress, timeout } = checkCallOptions(given);
    const [queries, matrices] = await Promise.all([
      this.encodeQuery(query, { signal, timeout }),
      this.encodeDocument(texts, { signal, onProgress, timeout }),
    ]);
    const { data } = await maxSim(queries, matrices, 'sum', signal);
    const order = Array.from(data.keys()).sort((a, b) => data[b] - data[a] || a - b);
    return order.slice(0, topK).map((corpusId) => {
      const found = { corpusId, score: data[corpusId] };
      return withText ? { ...found, text: texts[corpusId] } : found;
    });
  }

  /** Ends the model's process. Calls in progress reject with `ERR_CLOSED`, as do later ones. */
  async close(): Promise<void> {
    await this.#model.lane.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #encode(
    texts: unknown,
    options: LateInteractionEncodeOptions | undefined,
    task: Task,
  ): Promise<Embeddings[]> {
    const { config, lane } = this.#model;
    const list = textList('texts', texts);
    const given = optionsObject<LateInteractionEncodeOptions>('options', options, [
      'prompt',
      'promptName',
      ...CALL_OPTIONS,
    ]);
    const prompt = resolvePrompt(given, config, TASK_PROMPTS[task]);
    const prompted = prompt === '' ? list : list.map((text) => prompt + text);
    const tokens = config[task];
    const rows = await lane.run(prompted, undefined, { tokens, ...checkCallOptions(given) });
    const dims = this.dimensions;
    return rows.map(({ tokens: { values } }) => new Embeddings(values, values.length / dims, dims));
  }
}
