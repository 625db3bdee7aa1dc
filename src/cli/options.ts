import { type Command, InvalidArgumentError, Option } from 'commander';
import { TextEmbedder } from '../text/index.js';

export const DEFAULT_MODEL = 'all-MiniLM-L6-v2';
/** Folder that `index` writes and `search` reads when `--index` is not given. */
export const DEFAULT_INDEX = '.embedlane';

/** Options that every command with a model takes. */
export interface ModelFlags {
  model: string;
  dtype: 'auto' | 'fp32' | 'fp16' | 'int8';
  threads?: number;
}

/** Adds `--model`, `--dtype` and `--threads`. */
export function withModel(command: Command): Command {
  return command
    .option('-m, --model <id>', 'bundled model name or a model folder', DEFAULT_MODEL)
    .addOption(
      new Option('--dtype <dtype>', 'which ONNX file of the model')
        .choices(['auto', 'fp32', 'fp16', 'int8'])
        .default('auto'),
    )
    .option('--threads <n>', 'inference threads (default: all cores)', integerOption(1, 1024));
}

/** Loads the model that the flags name. */
export function loadModel(flags: ModelFlags): Promise<TextEmbedder> {
  return TextEmbedder.load(flags.model, { dtype: flags.dtype, threads: flags.threads });
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

/** A commander parser that collects a repeated option into an array. */
export function repeated(value: string, previous: string[] | undefined): string[] {
  return [...(previous ?? []), value];
}
