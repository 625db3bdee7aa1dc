import { fileURLToPath } from 'node:url';
import { describe, EmbedlaneError, invalidArgument } from '../../core/errors.js';
import { absolutePath } from '../../core/io.js';
import { isArrayBuffer, isBlob, isTyped, isUrl } from '../../core/realms.js';
import { integer } from '../../core/validate.js';
import type { Channels } from '../decode/raw.js';
import { type DecodeSettings, MAX_SIDE } from '../decode/settings.js';
import type { ImageFormat } from '../decode/sniff.js';
import { parseDataUri } from './data-uri.js';
import { checkUrl } from './url.js';

/** Pixels without any encoding, 8 bits a value. */
export interface RawImage {
  /** Row-major `[height, width, channels]`. */
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
  /** 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA. */
  readonly channels: 1 | 2 | 3 | 4;
}

/**
 * A picture: a path, a `data:` URI, an `http(s)` URL (only of hosts that the model's option `hosts` allows), an
 * encoded file's bytes, a stream of them, or raw pixels.
 */
export type ImageInput =
  | string
  | URL
  | Uint8Array
  | ArrayBuffer
  | Blob
  | AsyncIterable<Uint8Array>
  | RawImage;

/** A picture whose form has been checked. Its content is looked at by the lane. */
export interface ImageSource {
  /** For messages: `images[3] (cats/1.jpg)`. */
  name: string;
  path?: string;
  url?: string;
  /** What gives the bytes, for the first time when it is asked. */
  bytes?: Uint8Array | (() => Promise<{ bytes: Uint8Array; format?: ImageFormat }>);
  raw?: { width: number; height: number; channels: Channels };
  /** Why it cannot be a picture, known without looking into it. */
  error?: EmbedlaneError;
}

const EXPECTED = 'a path, URL, data URI, Uint8Array, stream, Blob or { data, width, height, channels }';

/** A picture or a list of pictures. A list of bytes is one picture, not many. */
export function checkImages(name: string, value: unknown, settings: DecodeSettings): ImageSource[] {
  if (Array.isArray(value)) {
    return Array.from(value, (item, i) => checkImage(`${name}[${i}]`, item, settings));
  }
  return [checkImage(name, value, settings)];
}

/**
 * @throws {EmbedlaneError} `ERR_INVALID_ARG` for what is no picture by its type; what is wrong about a picture's
 *   content is in the result, for it is that picture's fault alone
 */
export function checkImage(name: string, value: unknown, settings: DecodeSettings): ImageSource {
  if (typeof value === 'string') return fromString(name, value, settings);
  if (isUrl(value)) return fromString(name, value.href, settings);
  if (isTyped(value, Uint8Array)) return { name, bytes: value };
  if (isArrayBuffer(value)) return { name, bytes: new Uint8Array(value) };
  if (isBlob(value)) return { name, bytes: () => collect(streamOf(value), settings) };
  if (value !== null && typeof value === 'object') {
    if ('data' in value && 'width' in value) return fromRaw(name, value as RawImage);
    if (Symbol.asyncIterator in value) {
      return { name, bytes: once(() => collect(value as AsyncIterable<Uint8Array>, settings)) };
    }
  }
  throw invalidArgument(name, EXPECTED, value);
}

function fromString(name: string, value: string, settings: DecodeSettings): ImageSource {
  if (value === '' || value.includes('\0')) throw invalidArgument(name, EXPECTED, value);
  if (/^data:/i.test(value)) {
    return { name: `${name} (data URI)`, bytes: async () => parseDataUri(value) };
  }
  if (/^file:/i.test(value)) return fromFileUrl(name, value);
  if (!/^https?:/i.test(value)) return { name: `${name} (${value})`, path: absolutePath(value) };
  const label = `${name} (${value.slice(0, 200)})`;
  try {
    return { name: label, url: checkUrl(value, settings).href };
  } catch (error) {
    return { name: label, error: error as EmbedlaneError };
  }
}

function fromFileUrl(name: string, value: string): ImageSource {
  try {
    return { name: `${name} (${value})`, path: fileURLToPath(value) };
  } catch (cause) {
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected a file URL of this machine for ${name} but received '${value}'`,
      { cause },
    );
  }
}

function fromRaw(name: string, { data, width, height, channels }: RawImage): ImageSource {
  if (!isTyped(data, Uint8Array) && !isTyped(data, Uint8ClampedArray)) {
    throw invalidArgument(
      `${name}.data`,
      'a Uint8Array',
      data,
      ArrayBuffer.isView(data) ? 'ERR_DTYPE' : undefined,
    );
  }
  integer(`${name}.width`, width, 1, MAX_SIDE);
  integer(`${name}.height`, height, 1, MAX_SIDE);
  integer(`${name}.channels`, channels, 1, 4);
  const expected = width * height * channels;
  if (data.length !== expected) {
    const message = `Expected width × height × channels = ${width} × ${height} × ${channels} bytes but received ${data.length}`;
    return { name, error: new EmbedlaneError('ERR_IMAGE', message) };
  }
  return {
    name,
    bytes: new Uint8Array(data.buffer, data.byteOffset, data.length),
    raw: { width, height, channels },
  };
}

/** A stream can be read once, but a window may have to be sent twice. */
function once<T>(read: () => Promise<T>): () => Promise<T> {
  let reading: Promise<T> | undefined;
  return () => {
    reading ??= read();
    return reading;
  };
}

async function* streamOf(blob: Blob): AsyncGenerator<Uint8Array> {
  const reader = blob.stream().getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
}

async function collect(stream: AsyncIterable<Uint8Array>, { maxBytes }: DecodeSettings) {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of stream) {
      if (!isTyped(chunk, Uint8Array)) throw refused('a stream of bytes', `one of ${describe(chunk)}`);
      length += chunk.length;
      if (length > maxBytes) throw refused(`at most ${maxBytes} bytes from a stream`, 'more');
      chunks.push(chunk);
    }
  } catch (cause) {
    if (cause instanceof EmbedlaneError) throw cause;
    throw new EmbedlaneError(
      'ERR_IMAGE',
      `Expected a readable stream but it failed: ${(cause as Error).message}`,
      {
        cause,
      },
    );
  }
  return { bytes: Buffer.concat(chunks) };
}

function refused(expected: string, actual: string): EmbedlaneError {
  return new EmbedlaneError('ERR_IMAGE', `Expected ${expected} but received ${actual}`);
}

/** The error of one picture, with its name in the message. */
export function named(error: EmbedlaneError, name: string): EmbedlaneError {
  const message = error.message.includes(' but received ')
    ? error.message.replace(' but received ', ` for ${name} but received `)
    : `${name}: ${error.message}`;
  return new EmbedlaneError(
    error.code,
    message,
    error.cause === undefined ? undefined : { cause: error.cause },
  );
}
