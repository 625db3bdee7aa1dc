import { existsSync } from 'node:fs';
import { type Destination, destinationOf } from '../../core/atomic-file.js';
import { EmbedlaneError } from '../../core/errors.js';
import type { TextEmbedder } from '../../text/index.js';
import type { CliContext } from '../context.js';
import { countTexts, isTextFile, readTexts } from '../input/texts.js';
import { loadModel, type ModelFlags } from '../options.js';
import { count } from '../output/format.js';
import { NO_BAR, startProgressBar } from '../output/progress-bar.js';
import type { EncodedTexts, RowLabels } from '../output/rows.js';
import { formatOf, type VectorFormat } from '../output/vector-format.js';
import { openSink } from '../output/vector-sink.js';
import { type ChunkFlags, checkChunkFormat, chunkingOf, eachChunk } from './chunking.js';
import { identify } from './identity.js';
import { BulkJob } from './job.js';
import { encodeWindows } from './windows.js';

export interface EmbedFlags extends ModelFlags, ChunkFlags {
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

/** `embedlane embed`. */
export async function embed(args: string[], flags: EmbedFlags, { signal }: CliContext): Promise<void> {
  const paths = [...(flags.input ?? [])];
  const files = args.filter(isFile);
  if (files.length === args.length) paths.push(...args.splice(0));
  else if (files.length > 0) {
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected files or texts but received both: ${files[0]} is a file`,
    );
  }
  if (args.length > 0 && paths.length > 0) {
    throw new EmbedlaneError('ERR_INVALID_ARG', 'Expected texts or --input but received both');
  }
  if (args.length > 0 && flags.field !== undefined) {
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected files or stdin with --field but received the text "${args[0]}"`,
    );
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
  const destination = out === undefined ? undefined : await destinationOf(out);
  if (destination && repeatable) await embedFiles(work, destination);
  else await embedOnce(work, destination);
}

/** Whether an argument stands for texts, and is none itself. */
function isFile(name: string): boolean {
  if (name === '-') return true;
  const isThere = existsSync(name);
  if (!isTextFile(name)) {
    if (!isThere || !/\.\w+$/.test(name)) return false;
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected texts, or files named .jsonl, .ndjson, .parquet or .txt, but received the file ${name}; --input embeds its lines`,
    );
  }
  if (isThere) return true;
  if (/\s/.test(name)) return false;
  // Nobody would notice that the name of a file that is not there has become a vector.
  throw new EmbedlaneError(
    'ERR_IO',
    `Expected a file at ${name} but there is none; a text that is called like a file goes through stdin`,
  );
}

async function embedOnce({ texts, paths, flags, signal }: Work, out: Destination | undefined): Promise<void> {
  const sink = await openSink(out, flags.format ?? formatOf(flags.out), labelsOf(flags));
  try {
    const total = texts.length > 0 ? texts.length : await totalFor(paths, flags, signal);
    await using model = await loadModel(flags, signal);
    const source = texts.length > 0 ? texts : readTexts(paths, flags.field);
    await run(model, source, { flags, signal, total, done: 0 }, (window) => sink.write(window));
    await sink.close();
  } finally {
    await sink.discard();
  }
}

async function embedFiles({ paths, flags, signal }: Work, out: Destination): Promise<void> {
  const format = flags.format ?? formatOf(flags.out);
  const total = await totalFor(paths, flags, signal);
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
      process.stderr.write(
        `What is done is in ${out.target}.partial; the same command goes on from there.\n`,
      );
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
  const bar = hasBar(flags) ? startProgressBar('Embedding', 'texts', total, done) : NO_BAR;
  try {
    const encoded = encodeWindows(model, texts, batch, options, (fresh) => bar.update(done + fresh));
    for await (const window of encoded) {
      if (flags.out === undefined) bar.clear();
      await write(window);
    }
  } finally {
    bar.stop();
  }
}

function labelsOf(flags: EmbedFlags): RowLabels {
  return { text: flags.text, chunks: eachChunk(flags) };
}

/** Only a terminal has a bar, and not one that shows the vectors: it would hide them. */
function hasBar({ out }: EmbedFlags): boolean {
  return Boolean(process.stderr.isTTY && (out !== undefined || !process.stdout.isTTY));
}

/** For the bar. */
async function totalFor(paths: readonly string[], flags: EmbedFlags, signal: AbortSignal): Promise<number> {
  return hasBar(flags) ? countTexts(paths, signal) : 0;
}
