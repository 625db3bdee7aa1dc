import { type Command, Option } from 'commander';
import { EmbedlaneError } from '../../core/errors.js';
import type { CliContext } from '../context.js';
import { isJsonl, readJsonlField } from '../input/jsonl.js';
import { type Line, readLines } from '../input/lines.js';
import { integerOption, loadModel, type ModelFlags, repeated, withModel } from '../options.js';
import { startProgressBar } from '../output/progress-bar.js';
import { formatOf, openSink, VECTOR_FORMATS, type VectorFormat } from '../output/vector-sink.js';

interface EmbedFlags extends ModelFlags {
  input?: string[];
  field?: string;
  out?: string;
  format?: VectorFormat;
  text: boolean;
  normalize?: boolean;
  truncateDim?: number;
  prompt?: string;
  promptName?: string;
}

/** Texts that are embedded and written at a time: bounds the memory, and is enough to sort by length well. */
const WINDOW = 2048;

export function registerEmbed(program: Command, context: CliContext): void {
  withModel(program.command('embed'))
    .description('Embed texts: arguments, lines of files or of stdin, or a field of JSON lines.')
    .argument('[texts...]', 'texts; none reads lines from stdin')
    .option('-i, --input <file>', 'embed each line of a file (- for stdin); may be repeated', repeated)
    .option('--field <name>', 'read JSON lines and embed this field (default for .jsonl files: text)')
    .option('-o, --out <file>', 'write to a file instead of stdout')
    .addOption(
      new Option('-f, --format <format>', 'jsonl, npy (NumPy), f32 (raw little-endian floats)').choices(
        VECTOR_FORMATS,
      ),
    )
    .option('--no-text', 'leave the texts out of JSON lines')
    .option('--normalize', 'scale every vector to length 1')
    .option('--truncate-dim <n>', 'keep the first n dimensions', integerOption(1, 1_000_000))
    .option('--prompt <text>', 'text put before every input')
    .option('--prompt-name <name>', "one of the model's own prompts, for example query")
    .addHelpText(
      'after',
      `
Examples:
  $ embedlane embed "a cat" "a dog"
  $ cat lines.txt | embedlane embed --format f32 > vectors.f32
  $ embedlane embed --input reviews.jsonl --field body --out reviews.npy`,
    )
    .action((texts: string[], flags: EmbedFlags) => embed(texts, flags, context));
}

async function embed(texts: string[], flags: EmbedFlags, { signal }: CliContext): Promise<void> {
  const paths = flags.input ?? [];
  if (texts.length > 0 && paths.length > 0) {
    throw new EmbedlaneError('ERR_INVALID_ARG', 'Expected texts or --input but received both');
  }
  if (texts.length === 0 && paths.length === 0) paths.push('-');

  const format = flags.format ?? formatOf(flags.out);
  const sink = await openSink(flags.out, format, flags.text);
  try {
    const total = texts.length > 0 ? texts.length : await countLines(paths);
    await using model = await loadModel(flags, signal);
    const bar = startProgressBar('Embedding', 'texts', total);
    const { normalize, truncateDim, prompt, promptName } = flags;
    let done = 0;
    try {
      for await (const window of windows(texts.length > 0 ? texts : records(paths, flags.field))) {
        const vectors = await model.encode(window, {
          ...{ normalize, truncateDim, prompt, promptName, signal },
          onProgress: ({ completed }) => bar.update(done + completed),
        });
        await sink.write(window, vectors);
        done += window.length;
      }
    } finally {
      bar.stop();
    }
    await sink.close();
  } finally {
    await sink.discard();
  }
}

/** Lines of regular files, for the bar's total; 0 (unknown) as soon as stdin is among them. */
async function countLines(paths: readonly string[]): Promise<number> {
  if (!process.stderr.isTTY || paths.includes('-')) return 0;
  let total = 0;
  for (const path of paths) for await (const _ of readLines(path)) total++;
  return total;
}

async function* records(paths: readonly string[], field: string | undefined): AsyncGenerator<string> {
  for (const path of paths) {
    const lines: AsyncGenerator<Line> =
      field !== undefined || isJsonl(path) ? readJsonlField(path, field ?? 'text') : readLines(path);
    for await (const line of lines) yield line.text;
  }
}

async function* windows(texts: Iterable<string> | AsyncIterable<string>): AsyncGenerator<string[]> {
  let window: string[] = [];
  for await (const text of texts) {
    window.push(text);
    if (window.length === WINDOW) {
      yield window;
      window = [];
    }
  }
  if (window.length > 0) yield window;
}
