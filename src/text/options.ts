import { EmbedlaneError, invalidArgument } from '../core/errors.js';
import type { OnProgress } from '../core/progress.js';
import {
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
import type { Priority } from '../runtime/index.js';

/** Options of `TextEmbedder.load`. */
export interface LoadOptions extends HubOptions {
  /**
   * Which variant of the weights: `'fp32'`, `'fp16'` (stored in half precision), `'int8'` (alias `'q8'`), or
   * `'auto'` (the default), the most exact one present.
   */
  dtype?: Dtype;
  /** Where to compute. Only `'cpu'` in this version. */
  device?: 'cpu';
  /** Threads for inference. Default: the physical cores. */
  threads?: number;
  /**
   * Microseconds for which an inference thread that waits for the others keeps its core busy before it sleeps.
   * Default 0. On a machine that does nothing else, 20 embeds 4–18 % faster; beside other work it is slower.
   */
  spin?: number;
  /** Padded tokens per run of the model: more needs more memory and makes each run longer. Default 768. */
  tokenBudget?: number;
  /** Pooling instead of the model's own; several modes are concatenated in the given order. */
  pooling?: PoolingMode | readonly PoolingMode[];
  /** Most tokens per text, special tokens included, instead of the model's own limit. */
  maxTokens?: number;
  /** Texts of small calls that may wait before calls are refused with `ERR_OVERLOADED`. Default 10,000. */
  maxQueue?: number;
  /** Aborts the loading, downloads included. */
  signal?: AbortSignal;
}

/** Options of `encode`. */
export interface EncodeOptions {
  /** Divide each vector by its length, last of all. Default false; many models do so themselves. */
  normalize?: boolean;
  /** Keep only the first so many dimensions (Matryoshka models). Not normalised again unless `normalize`. */
  truncateDim?: number;
  /** Text put before each text, instead of the model's default prompt; `''` for none. */
  prompt?: string;
  /** Name of one of the model's prompts. `prompt` has precedence. */
  promptName?: string;
  /** Type of the values. Only `'float32'` in this version. */
  precision?: 'float32';
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
}

/** Options of `encodeStream`. */
export interface EncodeStreamOptions extends Omit<EncodeOptions, 'onProgress' | 'onUsage'> {
  /** Texts per part; also bounds the memory. Default 1024. */
  window?: number;
}

/** {@link EncodeOptions} after validation, with the prompt resolved. */
export interface EncodePlan {
  normalize: boolean;
  truncateDim: number | undefined;
  prompt: string;
  signal: AbortSignal | undefined;
  onProgress: OnProgress | undefined;
  onUsage: ((usage: { tokens: number }) => void) | undefined;
  priority: Priority | undefined;
}

/** What encode options are checked against. */
export interface PromptSettings {
  dimensions: number;
  prompts: Readonly<Record<string, string>>;
  defaultPromptName: string | undefined;
  truncateDim: number | undefined;
}

const LOAD_OPTIONS = [
  'dtype',
  'device',
  'threads',
  'spin',
  'tokenBudget',
  'pooling',
  'maxTokens',
  'maxQueue',
  'signal',
  ...HUB_OPTIONS,
] as const;
const ENCODE_OPTIONS = [
  'normalize',
  'truncateDim',
  'prompt',
  'promptName',
  'precision',
  'signal',
  'onProgress',
  'onUsage',
  'priority',
] as const;

/** Upper bounds that only catch mistakes. */
const MAX_THREADS = 1024;
const MAX_TOKENS = 2 ** 24;
const MAX_SPIN = 1_000_000;

export function checkLoadOptions(options: LoadOptions | undefined) {
  const given = optionsObject<LoadOptions>('options', options, LOAD_OPTIONS);
  if (given.device !== undefined) oneOf('device', given.device, ['cpu']);
  return {
    dtype: given.dtype === undefined ? ('auto' as const) : oneOf('dtype', given.dtype, DTYPES),
    threads: optionalInteger('threads', given.threads, 1, MAX_THREADS),
    spin: optionalInteger('spin', given.spin, 0, MAX_SPIN),
    tokenBudget: optionalInteger('tokenBudget', given.tokenBudget, 1, MAX_TOKENS),
    maxTokens: optionalInteger('maxTokens', given.maxTokens, 1, MAX_TOKENS),
    maxQueue: optionalInteger('maxQueue', given.maxQueue, 1, MAX_TOKENS),
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

/** @param names prompts that the call stands for, best first: the first that the model has is used */
export function checkEncodeOptions(
  options: EncodeOptions | undefined,
  settings: PromptSettings,
  names: readonly string[] = [],
): EncodePlan {
  const given = optionsObject<EncodeOptions>('options', options, ENCODE_OPTIONS);
  if (given.precision !== undefined) oneOf('precision', given.precision, ['float32']);
  return {
    normalize: optionalBoolean('normalize', given.normalize) ?? false,
    truncateDim:
      optionalInteger('truncateDim', given.truncateDim, 1, settings.dimensions) ?? settings.truncateDim,
    prompt: resolvePrompt(given, settings, names),
    signal: optionalSignal('signal', given.signal),
    onProgress: optionalFunction('onProgress', given.onProgress),
    onUsage: optionalFunction('onUsage', given.onUsage),
    priority:
      given.priority === undefined ? undefined : oneOf('priority', given.priority, ['interactive', 'bulk']),
  };
}

function resolvePrompt(given: EncodeOptions, settings: PromptSettings, names: readonly string[]): string {
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
