/** Texts that are tokenised and averaged in one go: `start` to before `end`. */
export interface TextRange {
  start: number;
  end: number;
}

/** Most texts and characters in a range: some tenths of a millisecond on the main thread. */
const TEXTS = 1024;
const CHARACTERS = 64 * 1024;

/** Cuts texts into ranges, lazily; a longer text has a range of its own. */
export function* textRanges(texts: readonly string[]): Generator<TextRange, void, undefined> {
  for (let start = 0; start < texts.length; ) {
    let end = start;
    let characters = 0;
    while (end < texts.length && end - start < TEXTS) {
      characters += texts[end].length;
      if (characters > CHARACTERS && end > start) break;
      end++;
    }
    yield { start, end };
    start = end;
  }
}
