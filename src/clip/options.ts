import { optionalTimeout } from '../core/deadline.js';
import { EmbedlaneError, invalidArgument } from '../core/errors.js';
import type { OnProgress } from '../core/progress.js';
import {
  integer,
  oneOf,
  optionalBoolean,
  optionalFunction,
  optionalSignal,
  optionsObject,
} from '../core/validate.js';
import { HUB_OPTIONS } from '../hub/index.js';
import { checkReading, checkRunning, type ImageLoadOptions, READING_OPTIONS } from '../image/options.js';
import { RUNTIME_OPTIONS } from '../runtime/index.js';

/** Options of `ClipEmbedder.load`. */
export interface ClipLoadOptions extends Omit<ImageLoadOptions, 'pooling' | 'pca'> {
  /**
   * What cosines are multiplied with before they become probabilities. Default: what the model's joint graph
   * has, if it is there; else 100, to which all of OpenAI's models were trained. SigLIP has no default.
   */
  logitScale?: number;
  /** What is added then. SigLIP only. */
  logitBias?: number;
}

/** Options of `encodeText`. */
export interface ClipTextOptions {
  /** Divide each vector by its length, last of all. Default false. */
  normalize?: boolean;
  /** Keep only the first so many dimensions. */
  truncateDim?: number;
  /** Type of the values. Only `'float32'` in this version. */
  precision?: 'float32';
  signal?: AbortSignal;
  /** Milliseconds after which the call is given up and rejects with `ERR_TIMEOUT`. Default: none. */
  timeout?: number;
  onProgress?: OnProgress;
}

/** Options of `classify`. */
export interface ZeroShotOptions {
  /**
   * Sentences that labels are put into, each with a `{}`. With several, a label is the mean of its sentences.
   * Default `'This is a photo of {}.'`.
   */
  templates?: string | readonly string[];
  /** How many labels to return. Default all. */
  topK?: number;
  signal?: AbortSignal;
  /** Milliseconds after which the call is given up and rejects with `ERR_TIMEOUT`. Default: none. */
  timeout?: number;
}

const LOAD_OPTIONS = [
  ...READING_OPTIONS,
  'dtype',
  'batchSize',
  'logitScale',
  'logitBias',
  'signal',
  ...RUNTIME_OPTIONS,
  ...HUB_OPTIONS,
] as const;

export function checkClipLoadOptions(options: ClipLoadOptions | undefined) {
  const given = optionsObject<ClipLoadOptions>('options', options, LOAD_OPTIONS);
  const { logitScale, logitBias } = given;
  if (logitScale === undefined && logitBias !== undefined) {
    throw new EmbedlaneError('ERR_INVALID_ARG', 'Expected logitScale beside logitBias but received none');
  }
  return {
    ...checkReading(given),
    ...checkRunning(given),
    logit:
      logitScale === undefined
        ? undefined
        : { scale: finite('logitScale', logitScale), bias: finite('logitBias', logitBias ?? 0) },
  };
}

function finite(name: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw invalidArgument(name, 'a finite number', value);
  return value;
}

/** {@link ClipTextOptions} after validation. */
export interface TextPlan {
  truncateDim: number | undefined;
  normalize: boolean;
  signal: AbortSignal | undefined;
  timeout: number | undefined;
  onProgress: OnProgress | undefined;
}

export function checkClipTextOptions(options: ClipTextOptions | undefined, dimensions: number): TextPlan {
  const given = optionsObject<ClipTextOptions>('options', options, [
    'normalize',
    'truncateDim',
    'precision',
    'signal',
    'timeout',
    'onProgress',
  ]);
  if (given.precision !== undefined) oneOf('precision', given.precision, ['float32']);
  const { truncateDim } = given;
  return {
    normalize: optionalBoolean('normalize', given.normalize) ?? false,
    truncateDim: truncateDim === undefined ? undefined : integer('truncateDim', truncateDim, 1, dimensions),
    signal: optionalSignal('signal', given.signal),
    timeout: optionalTimeout('timeout', given.timeout),
    onProgress: optionalFunction('onProgress', given.onProgress),
  };
}
