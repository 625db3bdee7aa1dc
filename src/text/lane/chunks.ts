import { type ChunkTokenizer, planChunks } from '../chunking/plan.js';
import { type LateWindow, lateWindows, windowRange } from '../chunking/windows.js';
import type { ChunkParams, ChunkResult } from './protocol.js';

/** A tokenizer that also knows how much its model reads. */
interface LimitedTokenizer extends ChunkTokenizer {
  readonly maxTokens: number | undefined;
}

/** Cuts texts into chunks. */
export async function chunkTexts(
  tokenizer: LimitedTokenizer,
  texts: readonly string[],
  { prompt, late, maxTokens, overlap }: ChunkParams,
): Promise<ChunkResult> {
  const chunks: number[] = [];
  const ranges: number[] = [];
  const windows: number[] = [];
  const members: number[] = [];
  for (const text of texts) {
    const found = await planChunks(text, tokenizer, { maxTokens, overlap, prompt });
    chunks.push(found.length);
    for (const { start, end, tokens } of found) ranges.push(start, end, tokens);
    if (!late) continue;
    const limit = tokenizer.maxTokens ?? maxTokens;
    const own: LateWindow[] = await lateWindows(found, limit, async (window) => {
      return (await tokenizer.count([prompt + text.slice(...windowRange(window, found, text))]))[0];
    });
    windows.push(own.length);
    for (const { context, first, end } of own) members.push(context, first, end);
  }
  return {
    chunks: Uint32Array.from(chunks),
    ranges: Uint32Array.from(ranges),
    windows: Uint32Array.from(windows),
    members: Uint32Array.from(members),
  };
}
