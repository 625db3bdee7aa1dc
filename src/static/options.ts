import type { OnProgress } from '../core/progress.js';
import {
  oneOf,
  optionalBoolean,
  optionalFunction,
  optionalInteger,
  optionalSignal,
  optionsObject,
} from '../core/validate.js';
import { checkHubOptions, HUB_OPTIONS, type HubOptions } from '../hub/index.js';
import type { Task } from '../text/config/index.js';
import { resolvePrompt, TASK_PROMPTS } from '../text/options.js';
import { checkQuantization, type EncodePrecision, type Quantization } from '../text/quantization.js';
import type { QuantizationRanges } from '../vectors/quantize.js';
import { STATIC_LIBRARIES, type StaticLibrary } from './config.js';
import type { StaticOutput } from './model.js';
import { TABLE_MODES, type TableMode } from './table.js';

/** Options of `StaticEmbedder.load`. */
export interface StaticLoadOptions extends HubOptions {
  /**
   * Whose numbers to give. `'model2vec'` leaves out unknown tokens, cuts texts at its limit of tokens and
   * normalises if `config.json` says so; `'sentence-transformers'` does what `modules.json` says. Default: the
   * latter if there is a `modules.json`.
   */
  library?: StaticLibrary;
  /** Most tokens per text, instead of the model's own limit. */
  maxTokens?: number;
  /** Threads to tokenise and average with. Default: all that the machine runs at once. */
  threads?: number;
  /**
   * `'memory'` (the default) reads the table of vectors. `'mmap'` maps it: at once, and shared between processes, but
   * slower at first and a little afterwards, and only float32 without model2vec's mapping and weights. The file must
   * not be changed in place while it is in use, and nobody looks for NaN in it. Without the addon, it is read.
   */
  mode?: TableMode;
  /** Aborts the loading, downloads included. */
  signal?: AbortSignal;
}

/** Options of `encode`: those of `TextEmbedder` that make sense here. */
export interface StaticEncodeOptions<P extends EncodePrecision = EncodePrecision> {
  /** Divide each vector by its length, last of all. Default false; many models do so themselves. */
  normalize?: boolean;
  /** Keep only the first so many dimensions (Matryoshka models). Not normalised again unless `normalize`. */
  truncateDim?: number;
  /** Text put before each text, instead of the model's default prompt; `''` for none. */
  prompt?: string;
  /** Name of one of the model's prompts. `prompt` has precedence. */
  promptName?: string;
  /** Type of the values, quantised last of all, as `TextEmbedder` does. Default `'float32'`. */
  precision?: P;
  /** What each dimension is expected to lie in, from `calibrationRanges` of `embedlane/vectors`. */
  ranges?: QuantizationRanges;
  /** Aborts the call, which then rejects with `ERR_ABORTED`. */
  signal?: AbortSignal;
  /** Called after every thousand texts or so. */
  onProgress?: OnProgress;
}

interface EncodeSettings {
  dims: number;
  prompts: Readonly<Record<string, string>>;
  defaultPromptName: string | undefined;
  truncateDim: number | undefined;
}

/** Upper bounds that only catch mistakes. */
const MAX_THREADS = 128;
const MAX_TOKENS = 2 ** 24;

export function checkStaticLoadOptions(options: StaticLoadOptions | undefined) {
  const given = optionsObject<StaticLoadOptions>('options', options, [
    'library',
    'maxTokens',
    'threads',
    'mode',
    'signal',
    ...HUB_OPTIONS,
  ]);
  return {
    hub: checkHubOptions(given),
    library: given.library === undefined ? undefined : oneOf('library', given.library, STATIC_LIBRARIES),
    maxTokens: optionalInteger('maxTokens', given.maxTokens, 1, MAX_TOKENS),
    mode: given.mode === undefined ? TABLE_MODES[0] : oneOf('mode', given.mode, TABLE_MODES),
    threads: optionalInteger('threads', given.threads, 1, MAX_THREADS),
    signal: optionalSignal('signal', given.signal),
  };
}

/** @param task what the texts are for, where the call says so */
export function checkStaticEncodeOptions(
  options: StaticEncodeOptions | undefined,
  settings: EncodeSettings,
  task: Task | undefined,
): StaticOutput & { quantization: Quantization | undefined } {
  const given = optionsObject<StaticEncodeOptions>('options', options, [
    'normalize',
    'truncateDim',
    'prompt',
    'promptName',
    'precision',
    'ranges',
    'signal',
    'onProgress',
  ]);
  const truncateDim = optionalInteger('truncateDim', given.truncateDim, 1, settings.dims);
  const dims = Math.min(truncateDim ?? settings.truncateDim ?? settings.dims, settings.dims);
  return {
    normalize: optionalBoolean('normalize', given.normalize) ?? false,
    dims,
    quantization: checkQuantization(given.precision, given.ranges, dims),
    prompt: resolvePrompt(given, settings, task === undefined ? [] : TASK_PROMPTS[task]),
    signal: optionalSignal('signal', given.signal),
    onProgress: optionalFunction('onProgress', given.onProgress),
  };
}
