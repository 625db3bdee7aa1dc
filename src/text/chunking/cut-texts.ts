import { abortError, throwIfAborted } from '../../core/abort.js';
import type { ChunkParams, ChunkResult } from '../lane/protocol.js';
import { sendTexts } from '../send-texts.js';
import type { TextLane } from '../text-lane.js';
import { textWindows } from '../windows.js';
import type { Chunk } from './chunk-embeddings.js';
import type { ChunkLimits } from './plan.js';
import type { LateWindow } from './windows.js';

/** A text's chunks, and what the model reads for late chunking if that was asked for. */
export interface CutText {
  chunks: Chunk[];
  windows: LateWindow[];
}

export interface CutRequest extends ChunkLimits {
  route: number;
  late: boolean;
  signal: AbortSignal | undefined;
}

/** Texts that the lane cuts in one go: other work of the lane takes its turn between. */
const WINDOW = { texts: 64, characters: 256 * 1024 };

/** Cuts texts into chunks in the lane, where the tokenizer is. */
export async function cutTexts(
  lane: TextLane,
  texts: readonly string[],
  { signal, ...limits }: CutRequest,
): Promise<CutText[]> {
  const out: CutText[] = [];
  for (const { texts: part } of textWindows(texts, undefined, Number.POSITIVE_INFINITY, WINDOW)) {
    throwIfAborted(signal);
    const cutting = lane.run(async (process) => {
      const params: ChunkParams = { ...limits, texts: await sendTexts(process, part) };
      return (await process.call('chunk', params)) as ChunkResult;
    });
    out.push(...read(part, await orAborted(cutting, signal), limits.late));
  }
  return out;
}

/** Gives up waiting when the signal fires; what the lane then answers is nobody's. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(abortError(signal));
  });
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function read(
  texts: readonly string[],
  { chunks, ranges, windows, members }: ChunkResult,
  late: boolean,
): CutText[] {
  const nextRange = triples(ranges);
  const nextMember = triples(members);
  return texts.map((text, i) => ({
    chunks: Array.from({ length: chunks[i] }, () => {
      const [start, end, tokens] = nextRange();
      return { text: text.slice(start, end), start, end, tokens };
    }),
    windows: Array.from({ length: late ? windows[i] : 0 }, () => {
      const [context, first, end] = nextMember();
      return { context, first, end };
    }),
  }));
}

function triples(values: Uint32Array): () => Uint32Array {
  let at = 0;
  return () => {
    at += 3;
    return values.subarray(at - 3, at);
  };
}
