/** Texts that are tokenised and averaged in one go: `start` to before `end`. */
export interface TextRange {
  start: number;
  end: number;
}

/**
 * Most texts and characters in a range: half a millisecond of a native thread, for so long may the main thread wait
 * for a core where there are no more of them, and a tenth of that on the main thread.
 */
const TEXTS = 512;
const CHARACTERS = 32 * 1024;

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
