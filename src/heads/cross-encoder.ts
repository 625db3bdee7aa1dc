import { EmbedlaneError, invalidArgument } from '../core/errors.js';
import { readJsonObject } from '../core/json-file.js';
import { readLabels } from '../core/model-labels.js';
import { oneOf, optionsObject, textList } from '../core/validate.js';
import { type SentenceSettings, sentenceSettings } from '../text/config/index.js';
import { lastSegment, readModules } from '../text/config/modules.js';
import { resolvePrompt } from '../text/options.js';
import { prompted } from '../text/prompted.js';
import { HeadModel } from './head-model.js';
import type { HeadParams } from './lane/protocol.js';
import { CALL_OPTIONS, type CallOptions, checkCallOptions, type HeadLoadOptions, loadHead } from './load.js';
import {
  checkRanking,
  RANKING_OPTIONS,
  type RankedDocument,
  type RankingOptions,
  rankDocuments,
} from './ranking.js';

/** What is made of a model's logits. */
export const ACTIVATIONS = ['identity', 'sigmoid', 'softmax'] as const;
export type CrossEncoderActivation = (typeof ACTIVATIONS)[number];

/** Options of `predict`. */
export interface PredictOptions extends CallOptions {
  /** Default: the model's own; without one, sigmoid for one label and identity for several. */
  activation?: CrossEncoderActivation;
  /** Text put before the first text of each pair, instead of the model's default prompt; `''` for none. */
  prompt?: string;
  /** Name of one of the model's prompts. `prompt` has precedence. */
  promptName?: string;
}

const PREDICT_OPTIONS = ['activation', 'prompt', 'promptName', ...CALL_OPTIONS] as const;

/** Options of `rank`. */
export interface RankOptions extends PredictOptions, RankingOptions {}

interface Config extends Pick<SentenceSettings, 'prompts' | 'defaultPromptName'> {
  path: string;
  head: HeadParams;
  activation: CrossEncoderActivation | undefined;
  labelNames: readonly string[] | undefined;
}

/**
 * Scores pairs of texts together, which is more exact than comparing their vectors and cannot be prepared in
 * advance: to rerank what a search has found. The scores are those of sentence-transformers' CrossEncoder.
 *
 * Works in a child process, as `TextEmbedder` does.
 *
 * @example
 * const reranker = await CrossEncoder.load('./ms-marco-MiniLM-L6-v2');
 * const best = await reranker.rank('Who naps a lot?', ['Cats sleep all day.', 'Rates rose.'], { topK: 1 });
 * await reranker.close();
 */
export class CrossEncoder extends HeadModel<Config> {
  /**
   * Loads a model with logits per sequence.
   *
   * @param model as for `TextEmbedder.load`
   * @throws {EmbedlaneError} what `TextEmbedder.load` throws
   */
  static async load(model: string, options?: HeadLoadOptions): Promise<CrossEncoder> {
    return new CrossEncoder(await loadHead(model, options, readConfig));
  }

  /** How many scores a pair gets. */
  get labels(): number {
    return this.loaded.widths.scores;
  }

  /** What the scores are of, as the model names it: `LABEL_0`, `LABEL_1`, … where it does not. */
  get labelNames(): readonly string[] {
    const names = this.loaded.config.labelNames;
    return names?.length === this.labels
      ? names
      : Array.from({ length: this.labels }, (_, i) => `LABEL_${i}`);
  }

  /**
   * Scores pairs, or classifies single texts if the model is made for that.
   *
   * @param pairs `[text, text]` each, so that one pair is `[[a, b]]`; or strings, each a text of its own (to Python, two
   *   strings are a pair)
   * @returns row-major, {@link labels} scores per pair or text
   * @throws {EmbedlaneError} `ERR_INVALID_ARG`, `ERR_ABORTED`, `ERR_CLOSED`, `ERR_MODEL_INVALID`, `ERR_RUNTIME`
   */
  async predict(
    pairs: readonly (readonly [string, string])[] | readonly string[],
    options?: PredictOptions,
  ): Promise<Float32Array> {
    const given = optionsObject<PredictOptions>('options', options, PREDICT_OPTIONS);
    if (!Array.isArray(pairs)) throw invalidArgument('pairs', 'an array of pairs of strings', pairs);
    if (typeof pairs[0] === 'string') return this.#scores(textList('pairs', pairs), undefined, given);
    for (const [i, pair] of pairs.entries()) {
      if (!Array.isArray(pair) || pair.length !== 2 || pair.some((text) => typeof text !== 'string')) {
        throw invalidArgument(`pairs[${i}]`, 'a pair of strings', pair);
      }
    }
    return this.#scores(
      pairs.map(([first]) => first),
      pairs.map(([, second]) => second),
      given,
    );
  }

  /**
   * Sorts documents by how well they answer a query, best first; ties by the order given.
   *
   * @throws {EmbedlaneError} as {@link predict}; `ERR_INVALID_ARG` for a model with several labels
   */
  async rank(query: string, documents: readonly string[], options?: RankOptions): Promise<RankedDocument[]> {
    const given = optionsObject<RankOptions>('options', options, [...RANKING_OPTIONS, ...PREDICT_OPTIONS]);
    const ranking = checkRanking(query, documents, given);
    const { texts } = ranking;
    if (this.labels !== 1) {
      throw new EmbedlaneError(
        'ERR_INVALID_ARG',
        `Expected a model with one label to rank but it has ${this.labels}`,
      );
    }
    const scores = await this.#scores(new Array<string>(texts.length).fill(query), texts, given);
    return rankDocuments(scores, ranking);
  }

  async #scores(
    texts: string[],
    seconds: string[] | undefined,
    options: Partial<PredictOptions>,
  ): Promise<Float32Array> {
    const { labels } = this;
    const wanted =
      options.activation === undefined ? undefined : oneOf('activation', options.activation, ACTIVATIONS);
    const activation = wanted ?? this.loaded.config.activation ?? (labels === 1 ? 'sigmoid' : 'identity');
    const prompt = resolvePrompt(options, this.loaded.config, []);
    const rows = await this.loaded.lane.run(prompted(prompt, texts), seconds, checkCallOptions(options));
    const out = new Float32Array(texts.length * labels);
    rows.forEach(({ scores }, i) => {
      out.set(activate(scores.values, activation), i * labels);
    });
    return out;
  }
}

function activate(logits: Float32Array, activation: CrossEncoderActivation): ArrayLike<number> {
  switch (activation) {
    case 'identity':
      return logits;
    case 'sigmoid':
      return logits.map((logit) => 1 / (1 + Math.exp(-logit)));
    case 'softmax': {
      const highest = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
      const powers = Float64Array.from(logits, (logit) => Math.exp(logit - highest));
      const sum = powers.reduce((a, b) => a + b, 0);
      return powers.map((power) => power / sum);
    }
  }
}

/** The activation stands in any of three places, by the age of the library that wrote the model. */
async function readConfig(folder: string): Promise<Config> {
  const [modules, sentence, model] = await Promise.all([
    readModules(folder),
    readJsonObject(folder, 'config_sentence_transformers.json'),
    readJsonObject(folder, 'config.json'),
  ]);
  const nested = model?.get('sentence_transformers') as { activation_fn?: unknown } | undefined;
  const name =
    sentence?.string('activation_fn') ??
    (typeof nested?.activation_fn === 'string' ? nested.activation_fn : undefined) ??
    model?.string('sbert_ce_default_activation_function');
  const short = name && lastSegment(name).toLowerCase();
  const activation = ACTIVATIONS.find((known) => known === short);
  if (short !== undefined && activation === undefined) {
    throw new EmbedlaneError(
      'ERR_MODEL_INVALID',
      `Expected one of torch's ${ACTIVATIONS.join(', ')} for 'activation_fn' but received '${name}'`,
    );
  }
  const labelNames = model && readLabels(model);
  const { prompts, defaultPromptName } = sentenceSettings(sentence);
  const path = modules?.[0]?.path ?? '';
  return { path, head: { kind: 'scores' }, activation, labelNames, prompts, defaultPromptName };
}
