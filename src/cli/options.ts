import { existsSync } from 'node:fs';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { EmbedlaneError } from '../core/errors.js';
import { DTYPES, type Dtype } from '../hub/dtypes.js';
import type { LoadOptions, TextEmbedder } from '../text/index.js';
import { downloadBar } from './output/progress-bar.js';

export const DEFAULT_MODEL = 'all-MiniLM-L6-v2';
/** Folder that `index` writes and `search` reads when `--index` is not given. */
export const DEFAULT_INDEX = '.embedlane';

/** Options that every command with a model takes. */
export interface ModelFlags {
  model: string;
  dtype: Dtype;
  threads?: number;
}

type LoadingOptions = Pick<LoadOptions, 'dtype' | 'threads' | 'signal' | 'onProgress'>;

/** Adds `--model`, `--dtype` and `--threads`. */
export function withModel(command: Command): Command {
  return command
    .option('-m, --model <id>', 'bundled model, org/name on the Hugging Face Hub, or ./folder', DEFAULT_MODEL)
    .addOption(dtypeOption())
    .option('--threads <n>', 'inference threads (default: all cores)', integerOption(1, 1024));
}

/** `--dtype`. */
export function dtypeOption(): Option {
  return new Option('--dtype <dtype>', 'which ONNX file of the model').choices(DTYPES).default('auto');
}

/** Loads the model that the flags name, with a bar if it has to be downloaded. */
export async function loadModel(flags: ModelFlags, signal: AbortSignal): Promise<TextEmbedder> {
  const { TextEmbedder } = await import('../text/index.js');
  return loading(flags, signal, (options) => TextEmbedder.load(flags.model, options));
}

/** Loads a model of any kind with the options that all of them have; Ctrl-C ends a download. */
export async function loading<Model>(
  { model, dtype, threads }: ModelFlags,
  signal: AbortSignal,
  load: (options: LoadingOptions) => Promise<Model>,
): Promise<Model> {
  const { onProgress, stop } = downloadBar();
  try {
    return await load({ dtype, threads, signal, onProgress });
  } catch (error) {
    throw withFolder(error, model);
  } finally {
    stop();
  }
}

/** `models/mine` is a repository to us, as to the hub; who has such a folder may have meant that. */
function withFolder(error: unknown, model: string): unknown {
  const isMissing =
    error instanceof EmbedlaneError &&
    (error.code === 'ERR_DOWNLOAD' || error.code === 'ERR_MODEL_NOT_FOUND');
  if (!isMissing || !/^\w[^/]*\/[^/]+$/.test(model) || !existsSync(model)) return error;
  return new EmbedlaneError(error.code, `${error.message}; the folder here is './${model}'`, {
    cause: error,
  });
}

/** A commander parser for an integer in `[min, max]`. */
export function integerOption(min: number, max: number): (value: string) => number {
  return (value) => {
    const number = Number(value);
    if (value.trim() === '' || !Number.isInteger(number) || number < min || number > max) {
      throw new InvalidArgumentError(`Expected an integer between ${min} and ${max}.`);
    }
    return number;
  };
}

/** A commander parser for a number in `[min, max]`. */
export function numberOption(min: number, max: number): (value: string) => number {
  return (value) => {
    const number = Number(value);
    if (value.trim() === '' || !(number >= min && number <= max)) {
      throw new InvalidArgumentError(`Expected a number between ${min} and ${max}.`);
    }
    return number;
  };
}

/** A commander parser that collects a repeated option into an array. */
export function repeated(value: string, previous: string[] | undefined): string[] {
  return [...(previous ?? []), value];
}
