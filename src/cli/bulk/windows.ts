import { Embeddings } from '../../core/embeddings.js';
import { EmbedlaneError } from '../../core/errors.js';
import type { ChunkEmbeddings, EncodeOptions, TextEmbedder } from '../../text/index.js';
import type { EncodedTexts } from '../output/rows.js';

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
): AsyncGenerator<EncodedTexts> {
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  let finished = 0;
  const underWay = new Map<object, number>();
  const report = () => onDone([...underWay.values()].reduce((sum, count) => sum + count, finished));
  const encode = (texts: string[]): Promise<EncodedTexts> => {
    const onProgress = ({ completed }: { completed: number }) => {
      underWay.set(texts, completed);
      report();
    };
    // With chunking, progress counts chunks, of which nobody knows how many there will be.
    const call = { ...options, signal, ...(!options.chunking && { onProgress }) };
    const encoding = model.encode(texts, call).then((vectors: Embeddings | ChunkEmbeddings[]) => {
      underWay.delete(texts);
      finished += texts.length;
      report();
      return Array.isArray(vectors) ? chunkRows(texts, vectors) : { texts, vectors };
    });
    // It is awaited when the next window is full; until then a failure must not count as unhandled.
    encoding.catch(() => {});
    return encoding;
  };
  let pending: Promise<EncodedTexts> | undefined;
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

/** The rows of all chunks of all texts, end to end. */
function chunkRows(texts: string[], encoded: readonly ChunkEmbeddings[]): EncodedTexts {
  const chunks = encoded.flatMap((own, text) => own.chunks.map((chunk) => ({ text, chunk })));
  const [{ dims }] = encoded;
  const data = new Float32Array(chunks.length * dims);
  let at = 0;
  for (const own of encoded) {
    data.set(own.data, at);
    at += own.data.length;
  }
  return { texts, vectors: new Embeddings(data, chunks.length, dims), chunks };
}
