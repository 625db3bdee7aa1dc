import type { Embeddings } from '../core/embeddings.js';
import { EmbedlaneError, invalidArgument } from '../core/errors.js';
import { integer, optionsObject } from '../core/validate.js';
import { ENCODE_OPTIONS, type EncodeOptions, type EncodeStreamOptions } from './options.js';
import type { EncodePrecision } from './quantization.js';

/** Options of `encode` that make no sense part by part. */
const WHOLE_OPTIONS = ['onProgress', 'onUsage', 'output', 'chunking'] as const;

type PartOption = Exclude<(typeof ENCODE_OPTIONS)[number], (typeof WHOLE_OPTIONS)[number]>;

const PART_OPTIONS = ENCODE_OPTIONS.filter(
  (name): name is PartOption => !(WHOLE_OPTIONS as readonly string[]).includes(name),
);

const DEFAULT_WINDOW = 1024;

/** Most texts that a part may have; a mistyped window must not collect a whole stream. */
const MAX_WINDOW = 2 ** 24;

interface StreamTarget<P extends EncodePrecision> {
  /** Throws if the options are wrong. */
  check(options: EncodeOptions): void;
  encode(texts: string[], options: EncodeOptions<P>): Promise<Embeddings<P>>;
}

/** Checks everything at the call, before the first text is asked for, and returns the parts. */
export function encodeStream<P extends EncodePrecision>(
  texts: AsyncIterable<string> | Iterable<string>,
  options: EncodeStreamOptions<P> | undefined,
  target: StreamTarget<P>,
): AsyncGenerator<Embeddings<P>, void, undefined> {
  const { window = DEFAULT_WINDOW, ...encodeOptions } = optionsObject<EncodeStreamOptions<P>>(
    'options',
    options,
    ['window', ...PART_OPTIONS],
  );
  integer('window', window, 1, MAX_WINDOW);
  target.check(encodeOptions);
  // A string is iterable too, character by character, which nobody wants.
  if (typeof texts === 'string' || !isIterable(texts)) {
    throw invalidArgument('texts', 'an iterable or async iterable of strings', texts);
  }
  return encodeParts(texts, window, encodeOptions, target);
}

async function* encodeParts<P extends EncodePrecision>(
  texts: AsyncIterable<string> | Iterable<string>,
  window: number,
  options: EncodeOptions<P>,
  target: StreamTarget<P>,
): AsyncGenerator<Embeddings<P>, void, undefined> {
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const encode = (part: string[]): Promise<Embeddings<P>> => {
    const encoding = target.encode(part, { ...options, signal });
    // It is awaited when the next part is full; until then a failure must not count as unhandled.
    encoding.catch(() => {});
    return encoding;
  };
  let encoding: Promise<Embeddings<P>> | undefined;
  let part: string[] = [];
  let index = 0;
  try {
    for await (const text of texts) {
      if (typeof text !== 'string') throw invalidArgument(`texts[${index}]`, 'a string', text);
      index++;
      part.push(text);
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

function isIterable(value: unknown): boolean {
  if (value === null || typeof value !== 'object') return false;
  return Symbol.asyncIterator in value || Symbol.iterator in value;
}
