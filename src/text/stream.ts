import type { Embeddings } from '../core/embeddings.js';
import { invalidArgument } from '../core/errors.js';
import { inParts, iterable } from '../core/stream-parts.js';
import { integer, optionsObject } from '../core/validate.js';
import { ENCODE_OPTIONS, type EncodeOptions, type EncodeStreamOptions } from './options.js';
import type { EncodePrecision } from './quantization.js';

/** Options of `encode` that make no sense part by part. */
const WHOLE_OPTIONS = ['onProgress', 'onUsage', 'output'] as const;

type PartOption = Exclude<(typeof ENCODE_OPTIONS)[number], (typeof WHOLE_OPTIONS)[number]>;

const PART_OPTIONS = ENCODE_OPTIONS.filter(
  (name): name is PartOption => !(WHOLE_OPTIONS as readonly string[]).includes(name),
);

const DEFAULT_WINDOW = 1024;

/** Most texts that a part may have; a mistyped window must not collect a whole stream. */
const MAX_WINDOW = 2 ** 24;

interface StreamTarget<P extends EncodePrecision, Part> {
  /** Throws if the options are wrong. */
  check(options: EncodeOptions): void;
  encode(texts: string[], options: EncodeOptions<P>): Promise<Part>;
}

/** Checks everything at the call, before the first text is asked for, and returns the parts. */
export function encodeStream<P extends EncodePrecision, Part = Embeddings<P>>(
  texts: AsyncIterable<string> | Iterable<string>,
  options: EncodeStreamOptions<P> | undefined,
  target: StreamTarget<P, Part>,
): AsyncGenerator<Part, void, undefined> {
  const { window = DEFAULT_WINDOW, ...encodeOptions } = optionsObject<EncodeStreamOptions<P>>(
    'options',
    options,
    ['window', ...PART_OPTIONS],
  );
  integer('window', window, 1, MAX_WINDOW);
  target.check(encodeOptions);
  return inParts(iterable('texts', 'strings', texts), {
    window,
    signal: encodeOptions.signal,
    check(text, index) {
      if (typeof text !== 'string') throw invalidArgument(`texts[${index}]`, 'a string', text);
    },
    work: (part, signal) => target.encode(part, { ...encodeOptions, signal }),
  });
}
