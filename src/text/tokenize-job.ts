import type { CountParams, DecodeParams, TokenizeParams, TokenizeResult } from './lane/protocol.js';
import { sendTexts } from './send-texts.js';
import type { TextLane } from './text-lane.js';
import { HEAD_GROWTH, type TextWindow, textWindows } from './windows.js';

/** Tokens of one text, after truncation, special tokens included. */
export interface Tokenized {
  ids: number[];
  /** The tokenizer's own spelling of each token, for example `##ing`. */
  tokens: string[];
  /** `[start, end)` of each token in UTF-16 units of the text; `[0, 0]` for special tokens. */
  offsets: [number, number][];
}

/** Results are larger than texts, and building them costs about a millisecond per window of this size. */
const WINDOW = { texts: 256, characters: 16 * 1024 };

/** Tokenises in the lane, window by window; results in the order of the texts. */
export async function tokenizeTexts(
  lane: TextLane,
  texts: readonly string[],
  route: number,
  head: number,
): Promise<Tokenized[]> {
  const out = new Array<Tokenized>(texts.length);
  const sources = [textWindows(texts, undefined, head, WINDOW)];
  for (const source of sources) {
    for (const window of source) {
      const result = await lane.run(async (process) => {
        const sent = await sendTexts(process, window.texts);
        const params: TokenizeParams = { route, texts: sent, open: window.open };
        return (await process.call('tokenize', params)) as TokenizeResult;
      });
      place(out, window, result);
      const indices = result.unfinished.map((index) => window.indices[index]);
      if (indices.length > 0) sources.push(textWindows(texts, indices, window.head * HEAD_GROWTH, WINDOW));
    }
  }
  return out;
}

/** Tokens of a whole text, special tokens included, truncation not applied. */
export function countTextTokens(lane: TextLane, text: string, route: number): Promise<number> {
  return lane.run(async (process) => {
    const params: CountParams = { route, texts: await sendTexts(process, [text]) };
    return (await process.call('count', params)) as number;
  });
}

/** Texts of lists of token ids. */
export async function decodeTokens(
  lane: TextLane,
  lists: readonly number[][],
  route: number,
  skipSpecialTokens: boolean,
): Promise<string[]> {
  const out: string[] = [];
  for (let start = 0; start < lists.length; start += WINDOW.texts) {
    const ids = lists.slice(start, start + WINDOW.texts);
    const params: DecodeParams = { route, ids, skipSpecialTokens };
    out.push(...((await lane.run((process) => process.call('decode', params))) as string[]));
  }
  return out;
}

function place(
  out: Tokenized[],
  window: TextWindow,
  { lengths, ids, tokens, offsets }: TokenizeResult,
): void {
  let start = 0;
  window.indices.forEach((index, i) => {
    const end = start + lengths[i];
    const text: Tokenized = {
      ids: Array.from(ids.subarray(start, end)),
      tokens: tokens.slice(start, end),
      offsets: [],
    };
    for (let token = start; token < end; token++)
      text.offsets.push([offsets[2 * token], offsets[2 * token + 1]]);
    out[index] = text;
    start = end;
  });
}
