import { EmbedlaneError, invalidArgument } from '../../core/errors.js';
import { integer, oneOf, optionsObject } from '../../core/validate.js';

/** What becomes of the chunks of a text. */
export const CHUNK_POOLS = ['mean', 'none', 'late'] as const;
export type ChunkPool = (typeof CHUNK_POOLS)[number];

/** How texts are cut into chunks. */
export interface ChunkOptions {
  /**
   * Most tokens of a chunk, special tokens and those of the prompt included. Default: as many as the model reads,
   * which is also the most.
   */
  maxTokens?: number;
  /** Most tokens of whole sentences that a chunk repeats of the one before it. Default 0. */
  overlap?: number;
}

/** The option `chunking` of `encode`. */
export interface ChunkingOptions extends ChunkOptions {
  /**
   * `'mean'` (the default): one vector per text, the mean of its chunks' weighted by their tokens, divided by its
   * length if the model's own vectors have length 1. `'none'`: one per chunk, that of the chunk's text. `'late'`: one
   * per chunk, the mean of its tokens after the model has read the whole text, or as much around the chunk as it can
   * read (late chunking, arXiv:2409.04701).
   */
  pool?: ChunkPool;
}

/** Options with which `encode` returns the vectors of each chunk. */
export interface EachChunk {
  chunking: ChunkingOptions & { pool: 'none' | 'late' };
}

/** {@link ChunkingOptions} after validation. */
export interface Chunking {
  maxTokens: number;
  overlap: number;
  pool: ChunkPool;
}

/** What the options are checked against. */
export interface ChunkedModel {
  /** Longest text in tokens; undefined without a limit. */
  maxTokens: number | undefined;
  specialTokens: number;
  /** Why the model cannot do late chunking; undefined if it can. */
  lateObstacle: string | undefined;
}

const MAX_TOKENS = 2 ** 24;

/** @param name of the options object, for messages */
export function checkChunkOptions(
  name: string,
  { maxTokens, overlap = 0 }: Partial<ChunkOptions>,
  { maxTokens: limit, specialTokens }: ChunkedModel,
): Omit<Chunking, 'pool'> {
  const most = maxTokens ?? limit;
  if (most === undefined) {
    throw invalidArgument(
      `${name}.maxTokens`,
      'a number, since the model has no limit of its own,',
      maxTokens,
    );
  }
  integer(`${name}.maxTokens`, most, specialTokens + 1, limit ?? MAX_TOKENS);
  return { maxTokens: most, overlap: integer(`${name}.overlap`, overlap, 0, most - specialTokens - 1) };
}

export function checkChunking(options: ChunkingOptions, model: ChunkedModel): Chunking {
  const given = optionsObject<ChunkingOptions>('chunking', options, ['maxTokens', 'overlap', 'pool']);
  const pool = given.pool === undefined ? 'mean' : oneOf('chunking.pool', given.pool, CHUNK_POOLS);
  if (pool === 'late' && model.lateObstacle !== undefined) {
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected a model that pools its tokens by mean for chunking.pool 'late' but ${model.lateObstacle}`,
    );
  }
  return { ...checkChunkOptions('chunking', given, model), pool };
}
