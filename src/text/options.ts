import { optionalTimeout } from '../core/deadline.js';
import { EmbedlaneError, invalidArgument } from '../core/errors.js';
import type { OnProgress } from '../core/progress.js';
import {
  integer,
  oneOf,
  optionalBoolean,
  optionalFunction,
  optionalInteger,
  optionalSignal,
  optionalString,
  optionsObject,
} from '../core/validate.js';
import { checkHubOptions, DTYPES, type Dtype, HUB_OPTIONS, type HubOptions } from '../hub/index.js';
import { POOLING_MODES, type PoolingMode } from '../native/binding.js';
import {
  checkRuntimeOptions,
  type Priority,
  RUNTIME_OPTIONS,
  type RuntimeOptions,
} from '../runtime/index.js';
import type { QuantizationRanges } from '../vectors/quantize.js';
import type { CutRequest } from './chunking/cut-texts.js';
import {
  type ChunkedModel,
  type Chunking,
  type ChunkingOptions,
  type ChunkOptions,
  checkChunking,
  checkChunkOptions,
} from './chunking/options.js';
import type { Side, Task, TextModelConfig } from './config/index.js';
import type { OutputKind, Spans, TruncationWish } from './lane/protocol.js';
import {
  checkPartQuantization,
  checkQuantization,
  type EncodePrecision,
  type Quantization,
} from './quantization.js';

/** Options of `TextEmbedder.load`. */
export interface LoadOptions extends HubOptions, RuntimeOptions {
  /**
   * Which variant of the weights: `'fp32'`, `'fp16'` (stored in half precision), `'int8'` (alias `'q8'`),
   * `'uint8'`, `'q4'`, `'q4f16'`, `'bnb4'`, or `'auto'` (the default), the most exact one present.
   */
  dtype?: Dtype;
  /** The ONNX file itself, relative to the model's folder or its `onnx` folder, instead of `dtype`. */
  modelFile?: string;
  /** Padded tokens per run of the model: more needs more memory and makes each run longer. Default 512. */
  tokenBudget?: number;
  /**
   * Pooling instead of all that the model does with token vectors, its Normalize included; several modes are
   * concatenated in the given order. `'cls'` is `model(**inputs).last_hidden_state[:, 0]` of transformers.
   */
  pooling?: PoolingMode | readonly PoolingMode[];
  /** Most tokens per text, special tokens included, instead of the model's own limit. */
  maxTokens?: number;
  /** Texts of small calls that may wait before calls are refused with `ERR_OVERLOADED`. Default 10,000. */
  maxQueue?: number;
  /**
   * Bytes of vectors and texts of small calls that are kept, the least recently used leaving first, so that a text
   * that comes again costs nothing. Default 0: none.
   */
  cacheBytes?: number;
  /** Aborts the loading, downloads included. */
  signal?: AbortSignal;
}

/** Options of `encode`. */
export interface EncodeOptions<P extends EncodePrecision = EncodePrecision> {
  /** Divide each vector by its length, last of all. Default false; many models do so themselves. */
  normalize?: boolean;
  /** Keep only the first so many dimensions (Matryoshka models). Not normalised again unless `normalize`. */
  truncateDim?: number;
  /** Text put before each text, instead of the model's default prompt; `''` for none. */
  prompt?: string;
  /** Name of one of the model's prompts. `prompt` has precedence. */
  promptName?: string;
  /**
   * Type of the values, quantised last of all. `'int8'` and `'uint8'` need `ranges`, or take them from the
   * call's own vectors, which then compare only with each other; `'binary'` and `'ubinary'` keep the signs.
   * Default `'float32'`.
   */
  precision?: P;
  /** What each dimension is expected to lie in, from `calibrationRanges` of `embedlane/vectors`. */
  ranges?: QuantizationRanges;
  /**
   * `'sentence'` (the default): one vector per text. `'token'`: the vectors of each text's tokens, special
   * tokens included, before pooling; `encode` then returns one matrix per text, and of the model's own settings
   * `truncate_dim` and Normalize do not apply.
   */
  output?: OutputKind;
  /** Most tokens of a text that count, special tokens included, if lower than the model's limit. */
  maxTokens?: number;
  /** Which side of a long text is cut off. Default: the model's, nearly always `'right'`. */
  truncationSide?: Side;
  /**
   * Cuts long texts into chunks of whole sentences instead of cutting them off. With pool `'none'` and `'late'`,
   * `encode` returns a `ChunkEmbeddings` for each text. `onProgress` then counts what is sent to the model: chunks, or
   * with `'late'` as much of a text as it reads at once.
   */
  chunking?: ChunkingOptions;
  /** Aborts the call, which then rejects with `ERR_ABORTED`; batches not yet started are not computed. */
  signal?: AbortSignal;
  /** Called after every batch. */
  onProgress?: OnProgress;
  /** Called once, before the call resolves, with the tokens that the model saw, special tokens included. */
  onUsage?: (usage: { tokens: number }) => void;
  /**
   * `'interactive'` goes before `'bulk'`, which still gets every fourth turn. Default: interactive for calls that
   * fit in one run of the model, bulk for others.
   */
  priority?: Priority;
  /**
   * Milliseconds after which the call rejects with `ERR_TIMEOUT`; what has not been computed by then is dropped.
   * Default: none.
   */
  timeout?: number;
}

/** Options of `encodeStream`. */
export interface EncodeStreamOptions<P extends EncodePrecision = EncodePrecision>
  extends Omit<EncodeOptions<P>, 'onProgress' | 'onUsage' | 'output'> {
  /** Texts per part; also bounds the memory. Default 1024. */
  window?: number;
}

/** Options of `decode`. */
export interface DecodeOptions {
  /** Leave out `[CLS]`, `</s>` and the like. Default true. */
  skipSpecialTokens?: boolean;
}

/** Options of `chunk`. */
export interface ChunkTextOptions
  extends ChunkOptions,
    Pick<EncodeOptions, 'prompt' | 'promptName' | 'signal'> {}

/** {@link EncodeOptions} after validation, with the prompt resolved. */
export interface EncodePlan {
  normalize: boolean;
  truncateDim: number | undefined;
  /** Undefined for plain floats. */
  quantization: Quantization | undefined;
  prompt: string;
  /** Index of the model's route. */
  route: number;
  output: OutputKind;
  truncation: TruncationWish | undefined;
  chunking: Chunking | undefined;
  /** Parts of each text that get a row each, instead of one row per text. */
  spans: readonly Spans[] | undefined;
  signal: AbortSignal | undefined;
  onProgress: OnProgress | undefined;
  onUsage: ((usage: { tokens: number }) => void) | undefined;
  priority: Priority | undefined;
  /** Milliseconds. */
  timeout: number | undefined;
}

/** What encode options are checked against. */
export interface ModelSettings {
  dimensions: number;
  /** Width of a token's vector; undefined if the model gives none. */
  tokenDimensions: number | undefined;
  maxTokens: number | undefined;
  /** Special tokens that every text has. */
  specialTokens: number;
  prompts: Readonly<Record<string, string>>;
  defaultPromptName: string | undefined;
  truncateDim: number | undefined;
  routes: TextModelConfig['routes'];
  routeOf: TextModelConfig['routeOf'];
}

/** Prompts that stand for a task, best first, as sentence-transformers looks for them. */
export const TASK_PROMPTS: Record<Task, readonly string[]> = {
  query: ['query'],
  document: ['document', 'passage', 'corpus'],
};

const LOAD_OPTIONS = [
  'dtype',
  'modelFile',
  'tokenBudget',
  'pooling',
  'maxTokens',
  'maxQueue',
  'cacheBytes',
  'signal',
  ...RUNTIME_OPTIONS,
  ...HUB_OPTIONS,
] as const;
export const ENCODE_OPTIONS = [
  'normalize',
  'truncateDim',
  'prompt',
  'promptName',
  'precision',
  'ranges',
  'output',
  'maxTokens',
  'truncationSide',
  'chunking',
  'signal',
  'onProgress',
  'onUsage',
  'priority',
  'timeout',
] as const;

const OUTPUTS = ['sentence', 'token'] as const;
const SIDES = ['left', 'right'] as const;

/** Upper bounds that only catch mistakes. */
const MAX_TOKENS = 2 ** 24;
/** Ids are 32-bit in the tokenizer library; those that it does not know decode to nothing. */
const MAX_ID = 2 ** 32 - 1;

/** {@link LoadOptions} after validation. */
export type LoadSettings = ReturnType<typeof checkLoadOptions>;

export function checkLoadOptions(options: LoadOptions | undefined) {
  const given = optionsObject<LoadOptions>('options', options, LOAD_OPTIONS);
  return {
    dtype: given.dtype === undefined ? ('auto' as const) : oneOf('dtype', given.dtype, DTYPES),
    modelFile: optionalString('modelFile', given.modelFile),
    runtime: checkRuntimeOptions(given),
    tokenBudget: optionalInteger('tokenBudget', given.tokenBudget, 1, MAX_TOKENS),
    maxTokens: optionalInteger('maxTokens', given.maxTokens, 1, MAX_TOKENS),
    maxQueue: optionalInteger('maxQueue', given.maxQueue, 1, MAX_TOKENS),
    cacheBytes: optionalInteger('cacheBytes', given.cacheBytes, 0, Number.MAX_SAFE_INTEGER) ?? 0,
    pooling: given.pooling === undefined ? undefined : poolingModes(given.pooling),
    signal: optionalSignal('signal', given.signal),
    hub: checkHubOptions(given),
  };
}

function poolingModes(value: PoolingMode | readonly PoolingMode[]): PoolingMode[] {
  const modes = Array.isArray(value) ? value : [value];
  if (modes.length === 0) throw invalidArgument('pooling', 'at least one mode', value);
  return modes.map((mode) => oneOf('pooling', mode, POOLING_MODES));
}

/** @param task what the texts are for, where the call says so */
export function checkEncodeOptions(
  options: EncodeOptions | undefined,
  settings: ModelSettings,
  task?: Task,
): EncodePlan {
  const given = optionsObject<EncodeOptions>('options', options, ENCODE_OPTIONS);
  const output = given.output === undefined ? 'sentence' : oneOf('output', given.output, OUTPUTS);
  const dims = output === 'sentence' ? settings.dimensions : settings.tokenDimensions;
  if (dims === undefined) {
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      "Expected a model that gives token vectors for output 'token' but this one's graph has none",
    );
  }
  const wanted = optionalInteger('truncateDim', given.truncateDim, 1, dims);
  const truncateDim = wanted ?? (output === 'sentence' ? settings.truncateDim : undefined);
  const quantization = checkQuantization(given.precision, given.ranges, Math.min(truncateDim ?? dims, dims));
  if (output === 'token' && quantization) {
    throw invalidArgument('precision', "'float32' with output 'token'", given.precision);
  }
  const route = resolveRoute(settings, task);
  const taskTokens = task && settings.routes[route].taskTokens[task];
  const chunking =
    given.chunking === undefined
      ? undefined
      : resolveChunking(given, { ...settings, maxTokens: taskTokens ?? settings.maxTokens }, route);
  // The rows of each text must be comparable with those of the others.
  if (chunking && chunking.pool !== 'mean') checkPartQuantization(quantization);
  return {
    normalize: optionalBoolean('normalize', given.normalize) ?? false,
    truncateDim,
    quantization,
    prompt: resolvePrompt(given, settings, task === undefined ? [] : TASK_PROMPTS[task]),
    route,
    output,
    // Chunks are cut to size already.
    truncation: resolveTruncation(given, settings, chunking ? undefined : taskTokens),
    chunking,
    spans: undefined,
    signal: optionalSignal('signal', given.signal),
    onProgress: optionalFunction('onProgress', given.onProgress),
    onUsage: optionalFunction('onUsage', given.onUsage),
    priority:
      given.priority === undefined ? undefined : oneOf('priority', given.priority, ['interactive', 'bulk']),
    timeout: optionalTimeout('timeout', given.timeout),
  };
}

export function checkChunkRequest(
  options: ChunkTextOptions | undefined,
  settings: ModelSettings,
): CutRequest {
  const given = optionsObject<ChunkTextOptions>('options', options, [
    'maxTokens',
    'overlap',
    'prompt',
    'promptName',
    'signal',
  ]);
  const route = settings.routeOf.default ?? 0;
  return {
    ...checkChunkOptions('options', given, chunkedModel(settings, route)),
    prompt: resolvePrompt(given, settings, []),
    route,
    late: false,
    signal: optionalSignal('signal', given.signal),
  };
}

function resolveRoute({ routeOf }: ModelSettings, task: Task | undefined): number {
  const route = routeOf[task ?? 'default'];
  if (route !== undefined) return route;
  const call = task === undefined ? 'encode' : task === 'query' ? 'encodeQuery' : 'encodeDocument';
  throw new EmbedlaneError(
    'ERR_INVALID_ARG',
    `Expected a model whose Router has a route for ${call} but this one has none; it is asymmetric: use ` +
      'encodeQuery for queries and encodeDocument for documents',
  );
}

function resolveChunking(given: Partial<EncodeOptions>, settings: ModelSettings, route: number): Chunking {
  for (const option of ['maxTokens', 'truncationSide'] as const) {
    if (given[option] === undefined) continue;
    throw invalidArgument(option, 'nothing, since with chunking no text is cut off,', given[option]);
  }
  if (given.output === 'token') throw invalidArgument('output', "'sentence' with chunking", given.output);
  return checkChunking(given.chunking as ChunkingOptions, chunkedModel(settings, route));
}

/** What chunks of a model's texts are checked against. */
function chunkedModel(settings: ModelSettings, route: number): ChunkedModel {
  const { maxTokens, specialTokens, tokenDimensions, routes } = settings;
  const modes = routes[route].modules.flatMap((module) => (module.type === 'pooling' ? module.modes : []));
  const byMean = modes.join() === 'mean';
  let lateObstacle: string | undefined;
  if (tokenDimensions === undefined) lateObstacle = 'this one gives no vectors of tokens';
  else if (!byMean)
    lateObstacle = `this one pools by ${modes.join(' and ')}; the load option pooling changes that`;
  return { maxTokens, specialTokens, lateObstacle };
}

/** @param taskTokens most tokens that the model keeps for the call's task, unless the call says */
function resolveTruncation(given: EncodeOptions, settings: ModelSettings, taskTokens: number | undefined) {
  const { specialTokens, maxTokens: limit = MAX_TOKENS } = settings;
  const wanted = optionalInteger('maxTokens', given.maxTokens, specialTokens + 1, limit);
  const maxTokens = wanted ?? (taskTokens && Math.max(taskTokens, specialTokens + 1));
  const side =
    given.truncationSide === undefined ? undefined : oneOf('truncationSide', given.truncationSide, SIDES);
  const wish: TruncationWish = { maxTokens, side };
  return maxTokens === undefined && side === undefined ? undefined : wish;
}

/**
 * The prompt that a call asks for.
 *
 * @param names prompts that the call stands for, best first: the first that the model has is used
 * @throws {EmbedlaneError} `ERR_INVALID_ARG` naming the model's prompts
 */
export function resolvePrompt(
  given: Pick<EncodeOptions, 'prompt' | 'promptName'>,
  settings: Pick<ModelSettings, 'prompts' | 'defaultPromptName'>,
  names: readonly string[],
): string {
  const { prompts, defaultPromptName } = settings;
  const prompt = optionalString('prompt', given.prompt);
  const wanted = optionalString('promptName', given.promptName);
  if (prompt !== undefined) return prompt;
  if (wanted !== undefined && !Object.hasOwn(prompts, wanted)) {
    const known = Object.keys(prompts).join(', ');
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected the name of one of the model's prompts (${known}) for promptName but received '${wanted}'`,
    );
  }
  const name = wanted ?? names.find((candidate) => Object.hasOwn(prompts, candidate)) ?? defaultPromptName;
  return name === undefined ? '' : prompts[name];
}

/** Checks a list of token ids, or a list of such lists. An empty list is one text of no tokens. */
export function checkTokenIds(name: string, value: unknown): { single: boolean; lists: number[][] } {
  if (!Array.isArray(value)) throw invalidArgument(name, 'an array of token ids or of such arrays', value);
  const single = !Array.isArray(value[0]);
  const lists = (single ? [value] : value) as unknown[];
  return { single, lists: lists.map((list, i) => checkIds(single ? name : `${name}[${i}]`, list)) };
}

function checkIds(name: string, value: unknown): number[] {
  if (!Array.isArray(value)) throw invalidArgument(name, 'an array of token ids', value);
  return value.map((id, i) => integer(`${name}[${i}]`, id, 0, MAX_ID));
}
