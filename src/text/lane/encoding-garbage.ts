import type { Encoding } from 'tokenizers';

/** Tokens whose encodings may wait for the collector: some megabytes. */
const MOST = 16_384;

/**
 * Has V8 look for encodings that nobody needs any more. They are the tokenizer library's memory, a hundred bytes and more
 * per token, of which V8 knows nothing: by itself it collects the small objects in front of them after minutes, when the
 * memory behind them has grown, by other amounts each time, and is in so many pieces that the process keeps it.
 */
export class EncodingGarbage {
  #tokens = 0;

  /** These will soon not be needed any more. Returns them. */
  expect(encodings: Encoding[]): Encoding[] {
    for (const encoding of encodings) this.#tokens += encoding.getLength();
    if (this.#tokens >= MOST) {
      this.#tokens = 0;
      // When the caller has let go of them. Lanes that are processes run with --expose-gc; threads do without.
      setImmediate(() => globalThis.gc?.({ type: 'minor' } as never));
    }
    return encodings;
  }
}
