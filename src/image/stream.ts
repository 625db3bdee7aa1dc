import { inParts, iterable } from '../core/stream-parts.js';
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
  return inParts(iterable('images', 'pictures', images), {
    window,
    signal: encodeOptions.signal,
    check: (image, index) => target.checkImage(`images[${index}]`, image),
    work: (part, signal) => target.encode(part, { ...encodeOptions, signal }),
  });
}
