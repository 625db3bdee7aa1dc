import { type Command, Option } from 'commander';
import { EmbedlaneError } from '../../core/errors.js';
import { CHUNK_POOLS, type ChunkingOptions, type ChunkPool } from '../../text/chunking/options.js';
import { integerOption } from '../options.js';
import type { VectorFormat } from '../output/vector-format.js';

/** Options of commands that embed all of a long text. */
export interface ChunkFlags {
  chunkTokens?: number;
  overlap?: number;
  pool?: ChunkPool;
}

/** Adds `--chunk-tokens`, `--overlap` and `--pool`. */
export function withChunking(command: Command): Command {
  return command
    .option(
      '--chunk-tokens <n>',
      'read all of a long text, in chunks of whole sentences of so many tokens at most',
      integerOption(1, 2 ** 24),
    )
    .option(
      '--overlap <n>',
      'tokens that a chunk repeats of the one before it at most',
      integerOption(0, 2 ** 24),
    )
    .addOption(
      new Option(
        '--pool <pool>',
        'what becomes of the chunks: mean (one row per text), none or late (a row for each chunk)',
      ).choices(CHUNK_POOLS),
    );
}

/** The option `chunking` of `encode`, if one of the flags asks for it. */
export function chunkingOf({ chunkTokens, overlap, pool }: ChunkFlags): ChunkingOptions | undefined {
  if (chunkTokens === undefined && overlap === undefined && pool === undefined) return undefined;
  return { maxTokens: chunkTokens, overlap, pool };
}

/** Whether each chunk has a row of its own. */
export function eachChunk({ pool }: ChunkFlags): boolean {
  return pool === 'none' || pool === 'late';
}

/** @throws {EmbedlaneError} `ERR_INVALID_ARG` if nobody could tell whose the rows are */
export function checkChunkFormat(flags: ChunkFlags, format: VectorFormat): void {
  if (!eachChunk(flags) || format === 'jsonl' || format === 'parquet') return;
  throw new EmbedlaneError(
    'ERR_INVALID_ARG',
    `Expected --format jsonl or parquet with --pool ${flags.pool}, which say what each row is of, but received ${format}`,
  );
}
