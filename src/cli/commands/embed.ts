import { existsSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { EmbedlaneError } from '../../core/errors.js';
import type { TextEmbedder } from '../../text/index.js';
import { type ChunkFlags, checkChunkFormat, chunkingOf, eachChunk, withChunking } from '../bulk/chunking.js';
import { identify } from '../bulk/identity.js';
import { BulkJob } from '../bulk/job.js';
import { encodeWindows, windows } from '../bulk/windows.js';
import type { CliContext } from '../context.js';
import { countTexts, isTextFile, readTexts } from '../input/texts.js';
import { integerOption, loadModel, type ModelFlags, numberOption, repeated, withModel } from '../options.js';
import { count } from '../output/format.js';
import { startProgressBar } from '../output/progress-bar.js';
import type { EncodedTexts, RowLabels } from '../output/rows.js';
import { formatOf, openSink, VECTOR_FORMATS, type VectorFormat } from '../output/vector-sink.js';

interface EmbedFlags extends ModelFlags, ChunkFlags {
  input?: string[];
  field?: string;
  out?: string;
  format?: VectorFormat;
  text: boolean;
  normalize?: boolean;
  truncateDim?: number;
  prompt?: string;
  promptName?: string;
  batch: number;
  checkpoint: number;
  resume?: boolean;
}

/** What is embedded, and how. */
interface Work {
  texts: string[];
  paths: string[];
  flags: EmbedFlags;
  signal: AbortSignal;
}

export function registerEmbed(program: Command, context: CliContext): void {
  withChunking(withModel(program.command('embed')))
    .description('Embed texts: arguments, lines of files or of stdin, or a field of JSON lines or Parquet.')
    .argument(
      '[texts...]',
      'texts, or files named .jsonl, .ndjson, .parquet or .txt; none reads lines from stdin',
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
    .action((texts: string[], flags: EmbedFlags) => embed(texts, flags, context));
}

async function embed(args: string[], flags: EmbedFlags, { signal }: CliContext): Promise<void> {
  const paths = [...(flags.input ?? [])];
  const areFiles = args.length > 0 && args.every((name) => isTextFile(name) && existsSync(name));
  if (areFiles) paths.push(...args.splice(0));
  if (args.length > 0 && paths.length > 0) {
    throw new EmbedlaneError('ERR_INVALID_ARG', 'Expected texts or --input but received both');
  }
  if (args.length === 0 && paths.length === 0) paths.push('-');
  const work = { texts: args, paths, flags, signal };
  const { out } = flags;
  checkChunkFormat(flags, flags.format ?? formatOf(out));
  // What comes from a pipe cannot be read again, and a few arguments need not be.
  const repeatable = out !== undefined && args.length === 0 && !paths.includes('-');
  if (flags.resume && !repeatable) {
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      'Expected files to read and --out for --resume but received others',
    );
  }
  if (repeatable) await embedFiles(work, out);
  else await embedOnce(work);
}

async function embedOnce({ texts, paths, flags, signal }: Work): Promise<void> {
  const sink = await openSink(flags.out, flags.format ?? formatOf(flags.out), labelsOf(flags));
  try {
    const total = texts.length > 0 ? texts.length : await totalFor(paths);
    await using model = await loadModel(flags, signal);
    const source = texts.length > 0 ? texts : readTexts(paths, flags.field);
    await run(model, source, { flags, signal, total, done: 0 }, (window) => sink.write(window));
    await sink.close();
  } finally {
    await sink.discard();
  }
}

async function embedFiles({ paths, flags, signal }: Work, out: string): Promise<void> {
  const format = flags.format ?? formatOf(out);
  const total = await totalFor(paths);
  await using model = await loadModel(flags, signal);
  const { field, text, prompt, promptName, normalize, truncateDim, chunkTokens, overlap, pool } = flags;
  const options = {
    field,
    format,
    text,
    prompt,
    promptName,
    normalize,
    truncateDim,
    chunkTokens,
    overlap,
    pool,
  };
  const identity = await identify(paths, options, model, { prompt, promptName, normalize, truncateDim });
  const job = await BulkJob.open({
    out,
    format,
    labels: labelsOf(flags),
    identity,
    resume: flags.resume,
    interval: flags.checkpoint * 1000,
  });
  if (!job) return;
  if (job.texts > 0) process.stderr.write(`Going on after ${count(job.texts)} texts.\n`);
  try {
    const source = job.remaining(readTexts(paths, field));
    await run(model, source, { flags, signal, total, done: job.texts }, (window) => job.write(window));
    await job.complete();
  } catch (error) {
    const kept = await job.interrupt();
    if (kept)
      process.stderr.write(`What is done is in ${out}.partial; the same command goes on from there.\n`);
    throw error;
  }
}

interface Run {
  flags: EmbedFlags;
  signal: AbortSignal;
  /** How many texts there are in all, and how many were done before; 0 if that is not known. */
  total: number;
  done: number;
}

async function run(
  model: TextEmbedder,
  texts: Iterable<string> | AsyncIterable<string>,
  { flags, signal, total, done }: Run,
  write: (window: EncodedTexts) => Promise<void>,
): Promise<void> {
  const { normalize, truncateDim, prompt, promptName, batch } = flags;
  const options = { normalize, truncateDim, prompt, promptName, signal, chunking: chunkingOf(flags) };
  const bar = startProgressBar('Embedding', 'texts', total, done);
  try {
    const source = windows(texts, batch);
    const encoded = encodeWindows(model, source, options, (fresh) => bar.update(done + fresh));
    for await (const window of encoded) await write(window);
  } finally {
    bar.stop();
  }
}

function labelsOf(flags: EmbedFlags): RowLabels {
  return { text: flags.text, chunks: eachChunk(flags) };
}

/** For the bar, which only a terminal has. */
async function totalFor(paths: readonly string[]): Promise<number> {
  return process.stderr.isTTY ? countTexts(paths) : 0;
}
