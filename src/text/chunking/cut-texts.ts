import { Interruptible } from '../../core/interruptible.js';
import type { ChunkParams, ChunkResult } from '../lane/protocol.js';
import { sendTexts } from '../send-texts.js';
import type { TextLane, TextLaneCalls } from '../text-lane.js';
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
    const cut = async (process: TextLaneCalls) => {
      const params: ChunkParams = { ...limits, texts: await sendTexts(process, part) };
      return (await process.call('chunk', params)) as ChunkResult;
    };
    // What the lane answers after an abort is nobody's.
    const result = await new Interruptible().run(signal, () => lane.run(cut));
    out.push(...read(part, result, limits.late));
  }
  return out;
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
