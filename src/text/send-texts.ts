import type { PieceParams, WireTexts } from './lane/protocol.js';
import type { TextLaneCalls } from './text-lane.js';

/** Longest string that is serialised in one go; copying more than this takes more than about a millisecond. */
const PIECE = 256 * 1024;

let nextKey = 0;

/**
 * Makes texts ready to be part of a call. Long ones are sent ahead in pieces, each when the channel has taken
 * the one before it, so that neither a 10 MB string nor its copy ever occupies this thread as a whole.
 */
export async function sendTexts(lane: TextLaneCalls, texts: string[]): Promise<WireTexts> {
  const joined: WireTexts['joined'] = [];
  let short = texts;
  for (let index = 0; index < texts.length; index++) {
    const text = texts[index];
    if (text.length <= PIECE) continue;
    const key = nextKey++;
    for (let start = 0; start < text.length; start += PIECE) {
      const params: PieceParams = { key, piece: text.slice(start, start + PIECE) };
      await lane.note('piece', params);
    }
    if (joined.length === 0) short = [...texts];
    short[index] = '';
    joined.push({ index, key });
  }
  return { texts: short, joined };
}

/** Lets the lane forget what was sent ahead for a call that will not be made. */
export function dropTexts(lane: TextLaneCalls, { joined }: WireTexts): void {
  if (joined.length > 0) void lane.note('drop', { keys: joined.map(({ key }) => key) });
}
