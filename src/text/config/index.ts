import { join } from 'node:path';
import { type JsonObject, readJsonObject } from '../../core/json-file.js';
import type { PoolingMode } from '../../native/binding.js';
import { type BertNormalization, bertNormalization } from './bert-tokenizer.js';
import { checkModality, type TransformerUse } from './modality.js';
import { type ModuleConfig, readPipelines } from './pipeline.js';
import { paddingPosition } from './positions.js';
import type { RouterConfig, Task } from './router.js';

export type { Activation, DenseConfig, LayerNormConfig, Level, NormalizeConfig } from './layers.js';
export type { ModuleConfig } from './pipeline.js';
export type { PoolingConfig } from './pooling.js';
export type { Task } from './router.js';

export const SIMILARITY_FUNCTIONS = ['cosine', 'dot', 'euclidean', 'manhattan'] as const;
export type SimilarityFunction = (typeof SIMILARITY_FUNCTIONS)[number];

/** What a model's configuration files say about embedding a text. */
export interface TextModelConfig {
  /** The model's Transformers; one, unless it has a Router before them. */
  encoders: EncoderConfig[];
  routes: RouteConfig[];
  /** Index in {@link routes} for each task; undefined where the model has no way for it. */
  routeOf: Record<Task | 'default', number | undefined>;
  prompts: Record<string, string>;
  defaultPromptName: string | undefined;
  similarity: SimilarityFunction;
  truncateDim: number | undefined;
}

/** What the files of a Transformer say. */
export interface EncoderConfig {
  /** Its folder below the model's, with `/`; `''` for the model's folder itself. */
  path: string;
  /** Most tokens per text, special tokens included; undefined if nothing limits it. */
  maxTokens: number | undefined;
  /** Most positions that the graph knows; more tokens cannot be asked for. */
  maxPositions: number | undefined;
  /** Position of padding, where those of the tokens come after it; undefined where they count from 0. */
  paddingPosition: number | undefined;
  /** Tokens that the graph knows; undefined if nothing says it. */
  vocabulary: number | undefined;
  /** Most tokens of a query and of a document where they are fewer: `query_length` and `document_length`. */
  taskTokens: Record<Task, number | undefined>;
  /** Whether texts are lowercased before the tokenizer's own normalisation. */
  lowercase: boolean;
  tokenizer: TokenizerFiles;
}

/** A way from a text to its vector. */
export interface RouteConfig {
  name: string;
  /** Index in {@link TextModelConfig.encoders}. */
  encoder: number;
  /** {@link EncoderConfig.taskTokens} of its Transformer. */
  taskTokens: EncoderConfig['taskTokens'];
  modules: ModuleConfig[];
}

/** What the lane needs to set up the tokenizer. */
export interface TokenizerFiles {
  /** Absolute path of `tokenizer.json`. */
  file: string;
  /** Side on which texts are cut; undefined leaves it to `tokenizer.json`. */
  truncationSide: Side | undefined;
  paddingSide: Side | undefined;
  padToken: string | undefined;
  /** `config.json`'s pad id, for tokenizers that name no pad token. */
  padId: number | undefined;
  /** What stands in for the normalisation in `tokenizer.json`; undefined keeps that. */
  bert?: BertNormalization | undefined;
}

export type Side = 'left' | 'right';

/** Names under which sentence-transformers has kept the Transformer's settings. */
const TRANSFORMER_FILES = [
  'sentence_bert_config.json',
  'sentence_roberta_config.json',
  'sentence_distilbert_config.json',
  'sentence_camembert_config.json',
  'sentence_albert_config.json',
  'sentence_xlm-roberta_config.json',
  'sentence_xlnet_config.json',
];

/**
 * Reads everything that a model's folder says about embedding a text, in the layout of sentence-transformers
 * (both generations of it).
 *
 * @param pooling modes that replace the model's own modules
 * @throws {EmbedlaneError} `ERR_MODEL_INVALID` naming the file and the field that is wrong
 */
export async function readTextModelConfig(folder: string, pooling?: PoolingMode[]): Promise<TextModelConfig> {
  const [pipelines, sentence] = await Promise.all([
    readPipelines(folder, pooling),
    readJsonObject(folder, 'config_sentence_transformers.json'),
  ]);
  const names = [...pipelines.routes.keys()];
  const use = pooling === undefined ? 'vectors' : 'raw';
  const transformers = [...new Set([...pipelines.routes.values()].map(({ transformer }) => transformer))];
  const encoders = await Promise.all(transformers.map((path) => readEncoder(folder, path, use)));
  return {
    encoders,
    routes: [...pipelines.routes].map(([name, { transformer, modules }]) => {
      const encoder = transformers.indexOf(transformer);
      return { name, encoder, taskTokens: encoders[encoder].taskTokens, modules };
    }),
    routeOf: indexRoutes(pipelines.routeOf, names),
    ...sentenceSettings(sentence),
  };
}

function indexRoutes(routeOf: RouterConfig['routeOf'], names: string[]): TextModelConfig['routeOf'] {
  const index = (route: string | undefined) => (route === undefined ? undefined : names.indexOf(route));
  return {
    query: index(routeOf.query),
    document: index(routeOf.document),
    default: index(routeOf.default),
  };
}

/** Settings of the Transformer in the folder `path` below the model's. */
export async function readEncoder(
  modelFolder: string,
  path: string,
  use: TransformerUse,
): Promise<EncoderConfig> {
  const folder = join(modelFolder, path);
  const [settings, model, tokenizer] = await Promise.all([
    readFirst(folder, TRANSFORMER_FILES),
    readJsonObject(folder, 'config.json'),
    readJsonObject(folder, 'tokenizer_config.json'),
  ]);
  checkModality(settings, use);
  const maxPositions = positions(model);
  // How the tokenizer is opened and how it is called: newer models keep their limits there.
  const opened = settings?.object('tokenizer_args') ?? settings?.object('processor_kwargs');
  const calls = settings?.object('processing_kwargs')?.object('text');
  const called = calls?.positiveInteger('max_length');
  if (calls?.boolean('add_special_tokens') === false) {
    throw calls.invalid('true', "'add_special_tokens'", false);
  }
  const own = maxLength(opened) ?? settings?.positiveInteger('max_seq_length');
  const maxTokens = called ?? own ?? lower(maxLength(tokenizer), maxPositions);
  const ofTask = (field: string) =>
    called === undefined ? lower(settings?.positiveInteger(field), maxTokens) : undefined;
  return {
    path,
    maxTokens,
    maxPositions,
    paddingPosition: paddingPosition(model),
    vocabulary: model?.positiveInteger('vocab_size'),
    taskTokens: { query: ofTask('query_length'), document: ofTask('document_length') },
    lowercase: settings?.boolean('do_lower_case') ?? false,
    tokenizer: {
      file: join(folder, 'tokenizer.json'),
      truncationSide: side(opened, 'truncation_side') ?? side(tokenizer, 'truncation_side'),
      paddingSide: side(opened, 'padding_side') ?? side(tokenizer, 'padding_side'),
      padToken: tokenContent(tokenizer, 'pad_token'),
      padId: model?.number('pad_token_id'),
      bert: bertNormalization(model, tokenizer, opened),
    },
  };
}

/** What `config_sentence_transformers.json` says of any model, whatever it computes. */
export type SentenceSettings = ReturnType<typeof sentenceSettings>;

export function sentenceSettings(config: JsonObject | undefined) {
  const name = config?.string('similarity_fn_name') ?? 'cosine';
  const similarity = SIMILARITY_FUNCTIONS.find((known) => known === name);
  if (config && similarity === undefined) {
    throw config.invalid(`one of ${SIMILARITY_FUNCTIONS.join(', ')}`, "'similarity_fn_name'", name);
  }
  // These two names exist in every model of sentence-transformers, with empty prompts unless it sets others.
  const prompts = { query: '', document: '', ...config?.strings('prompts') };
  const defaultPromptName = config?.string('default_prompt_name');
  if (config && defaultPromptName !== undefined && !Object.hasOwn(prompts, defaultPromptName)) {
    throw config.invalid(
      `one of ${Object.keys(prompts).join(', ')}`,
      "'default_prompt_name'",
      defaultPromptName,
    );
  }
  return {
    prompts,
    defaultPromptName,
    similarity: similarity ?? ('cosine' as const),
    truncateDim: config?.positiveInteger('truncate_dim'),
  };
}

async function readFirst(folder: string, files: readonly string[]): Promise<JsonObject | undefined> {
  for (const file of files) {
    const config = await readJsonObject(folder, file);
    if (config) return config;
  }
  return undefined;
}

/** transformers writes 10^30 where a tokenizer has no limit. */
function maxLength(config: JsonObject | undefined): number | undefined {
  const value = config?.number('model_max_length');
  if (config && value !== undefined && !(value >= 1)) {
    throw config.invalid('a positive number', "'model_max_length'", value);
  }
  return value === undefined || value > Number.MAX_SAFE_INTEGER ? undefined : Math.floor(value);
}

/** XLNet writes −1 where there is no limit. */
function positions(config: JsonObject | undefined): number | undefined {
  if (config?.get('max_position_embeddings') === -1) return undefined;
  return config?.positiveInteger('max_position_embeddings');
}

function lower(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

function side(config: JsonObject | undefined, field: string): Side | undefined {
  const value = config?.string(field);
  if (config && value !== undefined && value !== 'left' && value !== 'right') {
    throw config.invalid("'left' or 'right'", `'${field}'`, value);
  }
  return value as Side | undefined;
}

/** A special token: its text, or an object with the text in `content`. */
function tokenContent(config: JsonObject | undefined, field: string): string | undefined {
  const value = config?.get(field);
  if (value === undefined || typeof value === 'string') return value;
  const content = typeof value === 'object' ? (value as { content?: unknown }).content : undefined;
  if (typeof content === 'string') return content;
  throw (config as JsonObject).invalid('a token', `'${field}'`, value);
}
