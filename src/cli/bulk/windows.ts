import type { Embeddings } from '../../core/embeddings.js';
import { EmbedlaneError } from '../../core/errors.js';
import type { EncodeOptions, TextEmbedder } from '../../text/index.js';

export interface EncodedWindow {
  texts: string[];
  vectors: Embeddings;
}

/** Collects texts into lists of `size`, the last of which may be shorter. */
export async function* windows(
  texts: Iterable<string> | AsyncIterable<string>,
  size: number,
): AsyncGenerator<string[]> {
  let window: string[] = [];
  for await (const text of texts) {
    window.push(text);
    if (window.length < size) continue;
    yield window;
    window = [];
  }
  if (window.length > 0) yield window;
}

/**
 * Embeds windows in order. While one is in the model, the next is read and queued behind it, so that neither waits
 * for the other; no more than two are in memory.
 *
 * @param onDone called with the texts done so far, of windows under way too
 */
export async function* encodeWindows(
  model: TextEmbedder,
  source: AsyncIterable<string[]>,
  options: EncodeOptions<'float32'> & { output?: 'sentence' },
  onDone: (texts: number) => void,
): AsyncGenerator<EncodedWindow> {
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  let finished = 0;
  const underWay = new Map<object, number>();
  const encode = (texts: string[]): Promise<EncodedWindow> => {
    const onProgress = ({ completed }: { completed: number }) => {
      underWay.set(texts, completed);
      onDone([...underWay.values()].reduce((sum, count) => sum + count, finished));
    };
    const encoding = model.encode(texts, { ...options, signal, onProgress }).then((vectors) => {
      underWay.delete(texts);
      finished += texts.length;
      return { texts, vectors };
    });
    // It is awaited when the next window is full; until then a failure must not count as unhandled.
    encoding.catch(() => {});
    return encoding;
  };
  let pending: Promise<EncodedWindow> | undefined;
  try {
    for await (const texts of source) {
      const previous = pending;
      pending = encode(texts);
      if (previous) yield await previous;
    }
    if (pending) yield await pending;
  } finally {
    stop.abort(new EmbedlaneError('ERR_ABORTED', 'The windows were left'));
  }
}
