/** Scripts that write words without spaces, which SQLite's tokenizer would take for one long word. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;

let segmenter: Intl.Segmenter | undefined;

/** A text as the full-text table takes it: words of scripts without spaces are cut apart (UAX 29, by ICU). */
export function spacedWords(text: string): string {
  if (!UNSPACED.test(text)) return text;
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'word' });
  return Array.from(segmenter.segment(text), ({ segment }) => segment).join(' ');
}

/** An FTS5 query for any of the words; every word is a quoted string, so that none is an operator. */
export function anyWordQuery(words: string): string | undefined {
  const tokens = new Set(spacedWords(words).match(/[\p{L}\p{M}\p{N}]+/gu));
  if (tokens.size === 0) return undefined;
  return Array.from(tokens, (token) => `"${token}"`).join(' OR ');
}
