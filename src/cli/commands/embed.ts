import { type Command, Option } from 'commander';
import { withChunking } from '../bulk/chunking.js';
import type { EmbedFlags } from '../bulk/embed.js';
import type { CliContext } from '../context.js';
import { integerOption, numberOption, repeated, withModel } from '../options.js';
import { VECTOR_FORMATS } from '../output/vector-format.js';

export function registerEmbed(program: Command, context: CliContext): void {
  withChunking(withModel(program.command('embed')))
    .description('Embed texts: arguments, lines of files or of stdin, or a field of JSON lines or Parquet.')
    .argument(
      '[texts...]',
      'texts, or files named .jsonl, .ndjson, .parquet or .txt; none, or -, reads lines from stdin',
    )
    .option('-i, --input <file>', 'embed each line of a file (- for stdin); may be repeated', repeated)
    .option(
      '--field <name>',
      'field of JSON lines, or column of Parquet, to embed (default for such files: text)',
    )
    .option('-o, --out <file>', 'write to a file instead of stdout')
    .addOption(
      new Option(
        '-f, --format <format>',
        "jsonl, npy (NumPy), parquet, f32 (raw little-endian floats); default by the output's name",
      ).choices(VECTOR_FORMATS),
    )
    .option('--no-text', 'leave the texts out of JSON lines and Parquet')
    .option('--normalize', 'scale every vector to length 1')
    .option('--truncate-dim <n>', 'keep the first n dimensions', integerOption(1, 1_000_000))
    .option('--prompt <text>', 'text put before every input')
    .option('--prompt-name <name>', "one of the model's own prompts, for example query")
    .option('--batch <n>', 'texts that are embedded and written at a time', integerOption(1, 1_000_000), 2048)
    .option(
      '--checkpoint <seconds>',
      'least time between two checkpoints; 0 for one after every batch',
      numberOption(0, 86_400),
      1,
    )
    .option('--resume', 'go on with what an interrupted run has left, or fail if there is nothing')
    .option('--no-resume', 'start again, whatever an interrupted run has left')
    .addHelpText(
      'after',
      `
A run from files to a file that is interrupted, killed or out of power leaves <out>.partial; the same command goes on
from there. It refuses if input, options or model are not the same any more.

Examples:
  $ embedlane embed "a cat" "a dog"
  $ cat lines.txt | embedlane embed --format f32 > vectors.f32
  $ embedlane embed big.jsonl --out vectors.npy
  $ embedlane embed books.jsonl --pool late --chunk-tokens 128 --out passages.parquet
  $ embedlane embed reviews.parquet --field body --out reviews-embedded.parquet`,
    )
    .action(async (texts: string[], flags: EmbedFlags) => {
      const { embed } = await import('../bulk/embed.js');
      await embed(texts, flags, context);
    });
}
