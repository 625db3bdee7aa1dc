import { EmbedlaneError, invalidArgument } from '../core/errors.js';
import { integer, optionsObject } from '../core/validate.js';
import type { ImageEmbeddings } from './image-embeddings.js';
import type { ImageInput } from './input/source.js';
import type { ImageEncodeOptions, ImageEncodeStreamOptions } from './options.js';

const DEFAULT_WINDOW = 64;
/** Most pictures that a part may have; a mistyped window must not collect a whole stream. */
const MAX_WINDOW = 2 ** 20;

interface StreamTarget {
  /** Throws if the options are wrong. */
  check(options: ImageEncodeOptions): void;
  /** Throws if something is no picture. */
  checkImage(name: string, image: unknown): void;
  encode(images: ImageInput[], options: ImageEncodeOptions): Promise<ImageEmbeddings>;
}

/** Checks everything at the call, before the first picture is asked for, and returns the parts. */
export function encodeImageStream(
  images: AsyncIterable<ImageInput> | Iterable<ImageInput>,
  options: ImageEncodeStreamOptions | undefined,
  target: StreamTarget,
): AsyncGenerator<ImageEmbeddings, void, undefined> {
  const { window = DEFAULT_WINDOW, ...encodeOptions } = optionsObject<ImageEncodeStreamOptions>(
    'options',
    options,
    ['window', 'normalize', 'truncateDim', 'precision', 'onError', 'signal', 'timeout'],
  );
  integer('window', window, 1, MAX_WINDOW);
  target.check(encodeOptions);
  const iterable = images !== null && typeof images === 'object' && !ArrayBuffer.isView(images);
  if (!iterable || !(Symbol.asyncIterator in images || Symbol.iterator in images)) {
    throw invalidArgument('images', 'an iterable or async iterable of pictures', images);
  }
  return encodeParts(images, window, encodeOptions, target);
}

async function* encodeParts(
  images: AsyncIterable<ImageInput> | Iterable<ImageInput>,
  window: number,
  options: ImageEncodeOptions,
  target: StreamTarget,
): AsyncGenerator<ImageEmbeddings, void, undefined> {
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const encode = (part: ImageInput[]): Promise<ImageEmbeddings> => {
    const encoding = target.encode(part, { ...options, signal });
    // It is awaited when the next part is full; until then a failure must not count as unhandled.
    encoding.catch(() => {});
    return encoding;
  };
  let encoding: Promise<ImageEmbeddings> | undefined;
  let part: ImageInput[] = [];
  let index = 0;
  try {
    for await (const image of images) {
      target.checkImage(`images[${index++}]`, image);
      part.push(image);
      if (part.length < window) continue;
      // Queued before the one before it is handed out, so that the model works while the consumer does.
      const previous = encoding;
      encoding = encode(part);
      part = [];
      if (previous) yield await previous;
    }
    if (encoding) yield await encoding;
    if (part.length > 0) yield await target.encode(part, { ...options, signal });
  } finally {
    // The consumer left, the source failed or a part did: nobody will ask for what is still being computed.
    stop.abort(new EmbedlaneError('ERR_ABORTED', 'The stream was left'));
  }
}
