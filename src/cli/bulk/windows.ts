import { Embeddings } from '../../core/embeddings.js';
import { type AnyIterable, inParts } from '../../core/stream-parts.js';
import type { ChunkEmbeddings, EncodeOptions, TextEmbedder } from '../../text/index.js';
import type { EncodedTexts } from '../output/rows.js';

/**
 * Embeds texts in windows of `size`, in order.
 *
 * @param onDone called with the texts done so far, of windows under way too
 */
export function encodeWindows(
  model: TextEmbedder,
  texts: AnyIterable<string>,
  size: number,
  options: EncodeOptions<'float32'> & { output?: 'sentence' },
  onDone: (texts: number) => void,
): AsyncGenerator<EncodedTexts> {
  let finished = 0;
  const underWay = new Map<object, number>();
  const report = () => onDone([...underWay.values()].reduce((sum, count) => sum + count, finished));
  const work = async (window: string[], signal: AbortSignal): Promise<EncodedTexts> => {
    const onProgress = ({ completed }: { completed: number }) => {
      underWay.set(window, completed);
      report();
    };
    // With chunking, progress counts chunks, of which nobody knows how many there will be.
    const call = { ...options, signal, ...(!options.chunking && { onProgress }) };
    const vectors: Embeddings | ChunkEmbeddings[] = await model.encode(window, call);
    underWay.delete(window);
    finished += window.length;
    report();
    return Array.isArray(vectors) ? chunkRows(window, vectors) : { texts: window, vectors };
  };
  return inParts(texts, { window: size, signal: options.signal, check() {}, work });
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
