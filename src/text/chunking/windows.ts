import type { ChunkRange } from './plan.js';
import type { Range } from './sentences.js';

/** What the model reads in one go for late chunking: some chunks of a text, and what stands before them. */
export interface LateWindow {
  /** Chunks that get their vectors from this window: `[first, end)`. */
  first: number;
  end: number;
  /** The first chunk that is read; those before `first` are context. */
  context: number;
}

/** Share of the model's length that a window repeats of the one before it, as context. */
const CONTEXT = 1 / 4;

/**
 * Divides a text among windows of whole chunks that fit the model ("long late chunking" of the paper); nearly
 * always there is one. Each chunk belongs to one window.
 *
 * @param limit most tokens of a window, special tokens and those of the prompt included
 * @param count tokens of a window as the model will see it
 */
export async function lateWindows(
  chunks: readonly ChunkRange[],
  limit: number,
  count: (window: LateWindow) => Promise<number>,
): Promise<LateWindow[]> {
  const windows: LateWindow[] = [];
  for (let first = 0; first < chunks.length; ) {
    let context = first;
    while (context > 0 && span(chunks, context - 1, first) <= limit * CONTEXT) context--;
    let end = first + 1;
    while (end < chunks.length && span(chunks, context, end + 1) <= limit) end++;
    // Chunks were counted with special tokens each, so this is an overestimate, except around their borders.
    while ((await count({ context, first, end })) > limit) {
      if (end > first + 1) end--;
      else if (context < first) context++;
      else break;
    }
    windows.push({ first, end, context });
    first = end;
  }
  return windows;
}

/** What of a text a window is: with the white space around it where the text begins and ends. */
export function windowRange(
  { context, end }: LateWindow,
  chunks: readonly Pick<ChunkRange, 'start' | 'end'>[],
  text: string,
): Range {
  const start = context === 0 ? 0 : chunks[context].start;
  return [start, end === chunks.length ? text.length : chunks[end - 1].end];
}

function span(chunks: readonly ChunkRange[], first: number, end: number): number {
  let tokens = 0;
  for (let i = first; i < end; i++) tokens += chunks[i].tokens;
  return tokens;
}
