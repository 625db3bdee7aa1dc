/** `[start, end)` in UTF-16 units of a text. */
export type Range = readonly [start: number, end: number];

/**
 * Units that are segmented in one go at first. V8 copies all of a segmenter's input for every segment: 1 MB takes
 * 8 s in pieces of 64 k, and 0.2 s in pieces of this size.
 */
const BLOCK = 2048;

/** What is longer than this is no sentence but data or prose without punctuation, and is cut between words. */
const LONGEST_SENTENCE = 16 * 1024;

/**
 * The rules of Unicode's annex 29 for sentences are those of all languages but for abbreviations. Made when it is
 * needed: it takes 10 ms, which every lane would pay when it starts.
 */
let segmenter: Intl.Segmenter | undefined;

/**
 * The sentences of a text, lazily: ranges that cover all of it, the space after each sentence included.
 *
 * A line break within a paragraph counts as a space, since prose may be hard-wrapped; a blank line ends a
 * sentence.
 */
export function* sentences(text: string): Generator<Range, void, undefined> {
  let length = BLOCK;
  for (let start = 0; start < text.length; ) {
    const limit = Math.min(text.length, start + length);
    const found = segments(text, start, limit);
    // Where a block ends, its last sentence may not: the next block begins with it.
    if (limit < text.length) found.pop();
    if (found.length === 0) {
      if (length < LONGEST_SENTENCE) {
        length *= 4;
        continue;
      }
      found.push([start, breakBefore(text, start, limit)]);
    }
    yield* found;
    start = found[found.length - 1][1];
    length = BLOCK;
  }
}

function segments(text: string, start: number, end: number): Range[] {
  const block = text
    .slice(start, end)
    .replace(/(?<![\r\n])\r?\n(?!\r?\n)/g, (line) => ' '.repeat(line.length));
  segmenter ??= new Intl.Segmenter('en', { granularity: 'sentence' });
  return Array.from(segmenter.segment(block), ({ index, segment }): Range => {
    return [start + index, start + index + segment.length];
  });
}

/** The last place after white space, at or before `limit`; without any, `limit` itself, never within a character. */
function breakBefore(text: string, start: number, limit: number): number {
  for (let at = limit; at > start; at--) if (/\s/.test(text[at - 1])) return at;
  const unit = text.charCodeAt(limit);
  return unit >= 0xdc00 && unit <= 0xdfff ? limit - 1 : limit;
}
