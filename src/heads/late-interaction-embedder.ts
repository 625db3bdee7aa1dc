import { Embeddings, type Matrix } from '../core/embeddings.js';
import { optionsObject, textList } from '../core/validate.js';
import type { Task } from '../text/config/index.js';
import { resolvePrompt, TASK_PROMPTS } from '../text/options.js';
import { prompted } from '../text/prompted.js';
import { HeadModel } from './head-model.js';
import { type LateInteractionConfig, readLateInteraction } from './late-interaction-config.js';
import { CALL_OPTIONS, type CallOptions, checkCallOptions, type HeadLoadOptions, loadHead } from './load.js';
import { maxSim, tokenMatrices } from './max-sim.js';
import {
  checkRanking,
  RANKING_OPTIONS,
  type RankedDocument,
  type RankingOptions,
  rankDocuments,
} from './ranking.js';

/** Options of `encodeQuery` and `encodeDocument`. */
export interface LateInteractionEncodeOptions extends CallOptions {
  /** Text put before each text, instead of the model's prompt; `''` for none. */
  prompt?: string;
  /** Name of one of the model's prompts. `prompt` has precedence. */
  promptName?: string;
}

/** Options of `rank`. */
export interface LateInteractionRankOptions extends CallOptions, RankingOptions {}

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
export class LateInteractionEmbedder extends HeadModel<LateInteractionConfig> {
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

  /** Width of a token's vector. */
  get dimensions(): number {
    return this.loaded.widths.tokens;
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
      ...RANKING_OPTIONS,
      ...CALL_OPTIONS,
    ]);
    const ranking = checkRanking(query, documents, given);
    const { signal, onProgress, timeout } = checkCallOptions(given);
    const [queries, matrices] = await Promise.all([
      this.encodeQuery(ranking.query, { signal, timeout }),
      this.encodeDocument(ranking.texts, { signal, onProgress, timeout }),
    ]);
    const { data } = await maxSim(queries, matrices, 'sum', signal);
    return rankDocuments(data, ranking);
  }

  async #encode(
    texts: unknown,
    options: LateInteractionEncodeOptions | undefined,
    task: Task,
  ): Promise<Embeddings[]> {
    const { config, lane } = this.loaded;
    const list = textList('texts', texts);
    const given = optionsObject<LateInteractionEncodeOptions>('options', options, [
      'prompt',
      'promptName',
      ...CALL_OPTIONS,
    ]);
    const prompt = resolvePrompt(given, config, TASK_PROMPTS[task]);
    const tokens = config[task];
    const rows = await lane.run(prompted(prompt, list), undefined, { tokens, ...checkCallOptions(given) });
    const dims = this.dimensions;
    return rows.map(({ tokens: { values } }) => new Embeddings(values, values.length / dims, dims));
  }
}
