/** What a provider takes in one request. */
export interface BatchLimits {
  texts: number;
  /** UTF-8 bytes: no tokenizer makes more tokens than a text has bytes, so this bounds tokens safely. */
  bytes: number;
}

/** Cuts texts into consecutive parts within the limits; a text that is too long alone gets a part of its own. */
export function* splitTexts(
  texts: readonly string[],
  limits: BatchLimits,
): Generator<{ start: number; texts: string[] }, void, undefined> {
  let start = 0;
  let bytes = 0;
  for (let index = 0; index < texts.length; index++) {
    const size = Buffer.byteLength(texts[index]);
    const full = index - start >= limits.texts || bytes + size > limits.bytes;
    if (full && index > start) {
      yield { start, texts: texts.slice(start, index) };
      start = index;
      bytes = 0;
    }
    bytes += size;
  }
  if (start < texts.length) yield { start, texts: texts.slice(start) };
}
