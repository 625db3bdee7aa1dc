import type { Matrix } from '../core/embeddings.js';
import { EmbedlaneError } from '../core/errors.js';
import { readJsonObject } from '../core/json-file.js';
import { integer, optionalInteger, optionsObject, textList } from '../core/validate.js';
import { type SentenceSettings, sentenceSettings, type Task } from '../text/config/index.js';
import { readModules } from '../text/config/modules.js';
import { resolvePrompt, TASK_PROMPTS } from '../text/options.js';
import { prompted } from '../text/prompted.js';
import { HeadModel } from './head-model.js';
import type { HeadParams } from './lane/protocol.js';
import { CALL_OPTIONS, type CallOptions, checkCallOptions, type HeadLoadOptions, loadHead } from './load.js';
import { largestWeights, type SparseVector, sparseSimilarity, sparseVectors, unitVector } from './sparse.js';

/** Options of `encode`. */
export interface SparseEncodeOptions extends CallOptions {
  /** Keep only so many of the largest weights. Default: all, or the model's own limit. */
  maxActiveDims?: number;
  /** Text put before each text, instead of the model's default prompt; `''` for none. */
  prompt?: string;
  /** Name of one of the model's prompts. `prompt` has precedence. */
  promptName?: string;
}

interface Config extends Omit<SentenceSettings, 'similarity' | 'truncateDim'> {
  path: string;
  head: HeadParams & { kind: 'sparse' };
  maxActiveDims: number | undefined;
  /** Whether similarity is the cosine: here the default is the dot product. */
  byCosine: boolean;
}

const MAX_DIMS = 2 ** 32 - 1;

/**
 * Turns texts into sparse vectors over the vocabulary, one weight per word that a text is about (SPLADE), for
 * inverted indexes and hybrid search. The weights are those of sentence-transformers' SparseEncoder.
 *
 * Works in a child process, as `TextEmbedder` does.
 *
 * @example
 * const model = await SparseEmbedder.load('./splade-v3');
 * const [query] = await model.encodeQuery('cats');
 * await model.decode(query, { topK: 5 }); // [{ token: 'cats', weight: 2.1 }, …]
 * await model.close();
 */
export class SparseEmbedder extends HeadModel<Config> {
  /**
   * Loads a model with logits per token over the vocabulary.
   *
   * @param model as for `TextEmbedder.load`
   * @throws {EmbedlaneError} what `TextEmbedder.load` throws
   */
  static async load(model: string, options?: HeadLoadOptions): Promise<SparseEmbedder> {
    return new SparseEmbedder(await loadHead(model, options, readConfig));
  }

  /** Size of the vocabulary. */
  get dimensions(): number {
    return this.loaded.widths.sparse;
  }

  /**
   * Embeds texts.
   *
   * @param texts one text or a list
   * @returns one vector per text, in the order of the texts
   * @throws {EmbedlaneError} `ERR_INVALID_ARG`, `ERR_ABORTED`, `ERR_CLOSED`, `ERR_MODEL_INVALID`, `ERR_RUNTIME`
   */
  async encode(texts: string | readonly string[], options?: SparseEncodeOptions): Promise<SparseVector[]> {
    return this.#encode(texts, options);
  }

  /** {@link encode} with the model's `query` prompt, if it has one. */
  async encodeQuery(
    texts: string | readonly string[],
    options?: SparseEncodeOptions,
  ): Promise<SparseVector[]> {
    return this.#encode(texts, options, 'query');
  }

  /** {@link encode} with the model's prompt for documents, if it has one. */
  async encodeDocument(
    texts: string | readonly string[],
    options?: SparseEncodeOptions,
  ): Promise<SparseVector[]> {
    return this.#encode(texts, options, 'document');
  }

  /** Dot product of every vector of `a` with every vector of `b`; cosine if the model's `similarity_fn_name` says so. */
  similarity(a: SparseVector | readonly SparseVector[], b: SparseVector | readonly SparseVector[]): Matrix {
    const [left, right] = [sparseVectors('a', a), sparseVectors('b', b)];
    return this.loaded.config.byCosine
      ? sparseSimilarity(left.map(unitVector), right.map(unitVector))
      : sparseSimilarity(left, right);
  }

  /**
   * The words that a vector is about, heaviest first.
   *
   * @param options.topK how many; default all
   * @throws {EmbedlaneError} `ERR_INVALID_ARG`, `ERR_CLOSED`
   */
  async decode(
    vector: SparseVector,
    options?: { topK?: number },
  ): Promise<{ token: string; weight: number }[]> {
    const { topK } = optionsObject<{ topK?: number }>('options', options, ['topK']);
    const [{ indices, values }] = sparseVectors('vector', [vector]);
    const count = topK === undefined ? indices.length : integer('topK', topK, 1, MAX_DIMS);
    const order = Array.from(values.keys()).sort((a, b) => values[b] - values[a] || a - b);
    const best = order.slice(0, count);
    const tokens = await this.loaded.lane.spell(best.map((i) => indices[i]));
    return best.map((i, place) => ({ token: tokens[place], weight: values[i] }));
  }

  async #encode(
    texts: unknown,
    options: SparseEncodeOptions | undefined,
    task?: Task,
  ): Promise<SparseVector[]> {
    const { config, lane, taskTokens } = this.loaded;
    const list = textList('texts', texts);
    const given = optionsObject<SparseEncodeOptions>('options', options, [
      'maxActiveDims',
      'prompt',
      'promptName',
      ...CALL_OPTIONS,
    ]);
    const most =
      optionalInteger('maxActiveDims', given.maxActiveDims, 1, MAX_DIMS) ?? config.maxActiveDims ?? MAX_DIMS;
    const prompt = resolvePrompt(given, config, task === undefined ? [] : TASK_PROMPTS[task]);
    const tokens = { maxTokens: task && taskTokens[task] };
    const rows = await lane.run(prompted(prompt, list), undefined, { tokens, ...checkCallOptions(given) });
    return rows.map(({ sparse: { values, indices } }) =>
      largestWeights({ values, indices: indices as Uint32Array }, most),
    );
  }
}

async function readConfig(folder: string): Promise<Config> {
  const modules = (await readModules(folder)) ?? [];
  const pooling = modules.find(({ type }) => type === 'SpladePooling');
  const others = modules.filter(
    ({ type }) => !['MLMTransformer', 'Transformer', 'SpladePooling'].includes(type),
  );
  if (others.length > 0 || (modules.length > 0 && !pooling)) {
    const found = modules.map(({ type }) => type).join(', ');
    throw new EmbedlaneError(
      'ERR_MODEL_INVALID',
      `Expected MLMTransformer and SpladePooling in modules.json but received ${found}`,
    );
  }
  const [config, sentence] = await Promise.all([
    pooling
      ? readJsonObject(folder, pooling.path === '' ? 'config.json' : `${pooling.path}/config.json`)
      : undefined,
    readJsonObject(folder, 'config_sentence_transformers.json'),
  ]);
  const strategy = config?.string('pooling_strategy') ?? 'max';
  const activation = config?.string('activation_function') ?? 'relu';
  if (config && strategy !== 'max' && strategy !== 'sum') {
    throw config.invalid("'max' or 'sum'", "'pooling_strategy'", strategy);
  }
  if (config && activation !== 'relu' && activation !== 'log1p_relu') {
    throw config.invalid("'relu' or 'log1p_relu'", "'activation_function'", activation);
  }
  const head = { kind: 'sparse', strategy, activation } as Config['head'];
  const { prompts, defaultPromptName } = sentenceSettings(sentence);
  return {
    path: modules[0]?.path ?? '',
    head,
    prompts,
    defaultPromptName,
    maxActiveDims: sentence?.positiveInteger('max_active_dims'),
    byCosine: sentence?.string('similarity_fn_name') === 'cosine',
  };
}
