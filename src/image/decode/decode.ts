import type { Metadata, Sharp } from 'sharp';
import { EmbedlaneError } from '../../core/errors.js';
import { firstGifFrame, type GifFrame, onScreen, withoutTransparency } from './gif.js';
import { type Channels, toRgb } from './raw.js';
import { type DecodeSettings, MAX_SIDE, type Pixels } from './settings.js';
import { loadSharp } from './sharp.js';
import { type ImageFormat, sniff } from './sniff.js';

/** Place of the colour type in a PNG, whose first chunk is its header. */
const PNG_COLOUR_TYPE = 25;

const WHITE = Uint8Array.of(255, 255, 255);

/** Allows the decoding of a picture of so many pixels, and waits until there is memory for it. */
export type Admit = (pixels: number) => () => void;

/** A picture whose header was read and may be decoded. */
export interface Inspected {
  bytes: Uint8Array;
  metadata: Metadata;
  /** Of GIFs. */
  frame: GifFrame | undefined;
  /** What the picture is, for messages. */
  description: string;
}

/**
 * Looks at a picture's header.
 *
 * @param bytes the encoded picture
 * @param declared what a data URI or a server says the format is, if it says it
 * @throws {EmbedlaneError} `ERR_IMAGE` if it is none that may be decoded
 */
export async function inspect(
  bytes: Uint8Array,
  declared: ImageFormat | undefined,
  settings: DecodeSettings,
): Promise<Inspected> {
  const { format, description } = sniff(bytes);
  if (format === undefined || (format === 'svg' && !settings.svg)) throw notDecoded(description, format);
  if (declared !== undefined && declared !== format) {
    throw badImage(`Expected the declared format, ${declared},`, `${description}`);
  }
  const sharp = await loadSharp();
  const metadata = await told(description, sharp(bytes, { limitInputPixels: false }).metadata());
  checkReader(metadata, format);
  const frame = format === 'gif' ? firstGifFrame(bytes) : undefined;
  checkSize(metadata, settings);
  if (frame) checkSize(frame.screen, settings);
  return { bytes, metadata, frame, description };
}

/**
 * Decodes a picture to the pixels that Pillow's `convert('RGB')` gives, bit for bit: no colour profile is
 * applied, transparency is dropped and not blended, CMYK is converted by Pillow's formula.
 *
 * Of animated pictures and documents of several pages the first is taken.
 *
 * @throws {EmbedlaneError} `ERR_IMAGE` if it is damaged
 */
export async function decode(
  { bytes, metadata, frame, description }: Inspected,
  settings: DecodeSettings,
  admit: Admit,
): Promise<Pixels> {
  const sharp = await loadSharp();
  const { width, height } = frame?.screen ?? metadata;
  const release = admit(Math.max(metadata.width * metadata.height, width * height));
  try {
    const opaque = settings.alpha === 'drop' || frame?.flagsAt === undefined;
    const image = sharp(frame && opaque ? withoutTransparency(bytes, frame) : bytes, {
      failOn: 'error',
      ignoreIcc: true,
      limitInputPixels: settings.maxPixels,
      sequentialRead: true,
    });
    const oriented = settings.autoOrient ? image.autoOrient() : image;
    const grey16 = isGrey16(bytes, metadata);
    const pixels = await told(description, decodeAs(metadata, oriented, settings, grey16));
    return frame ? onScreen(pixels, frame, opaque ? frame.ground : WHITE) : pixels;
  } finally {
    release();
  }
}

/** Says of which picture the decoder complains. */
async function told<T>(description: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    const [reason] = (cause as Error).message.split('\n');
    throw badImage(
      'Expected a picture that can be decoded',
      `${description} of which the decoder says: ${reason}`,
      cause,
    );
  }
}

function notDecoded(description: string, format: ImageFormat | undefined): EmbedlaneError {
  const hint = format === 'svg' ? '; SVG has to be allowed' : '';
  return badImage('Expected JPEG, PNG, WebP, GIF, TIFF or AVIF', `${description}${hint}`);
}

function badImage(expected: string, actual: string, cause?: unknown): EmbedlaneError {
  return new EmbedlaneError(
    'ERR_IMAGE',
    `${expected} but received ${actual}`,
    cause === undefined ? undefined : { cause },
  );
}

/**
 * libvips chooses its reader by its own look at the bytes. Switching the other readers off would be simpler, but
 * that switch belongs to the whole process: it would fail decodings under way in other threads, and the caller's own.
 */
function checkReader({ format }: Metadata, sniffed: ImageFormat): void {
  const reader: string = sniffed === 'avif' ? 'heif' : sniffed;
  if (format !== reader) throw badImage(`Expected ${sniffed}`, `bytes that libvips reads as ${format}`);
}

function checkSize(
  { width, height }: { width: number; height: number },
  { maxPixels }: DecodeSettings,
): void {
  if (width * height > maxPixels) {
    throw badImage(
      `Expected at most ${maxPixels} pixels`,
      `${width} × ${height}; the limit is the option maxPixels`,
    );
  }
  if (Math.max(width, height) > MAX_SIDE) {
    throw badImage(`Expected sides of at most ${MAX_SIDE} pixels`, `${width} × ${height}`);
  }
}

/** Also a PNG of one channel whose header makes a level transparent: libvips sees two channels in it, Pillow one. */
function isGrey16(bytes: Uint8Array, { format, depth, channels }: Metadata): boolean {
  const greyPng = format === 'png' && bytes[PNG_COLOUR_TYPE] === 0;
  return depth === 'ushort' && (channels === 1 || greyPng);
}

async function decodeAs(
  metadata: Metadata,
  image: Sharp,
  settings: DecodeSettings,
  grey16: boolean,
): Promise<Pixels> {
  if (metadata.space === 'cmyk') return fromCmyk(image);
  if (grey16) return fromGrey16(image);
  const rgb = image.toColourspace('srgb');
  const output = settings.alpha === 'drop' ? rgb.removeAlpha() : rgb;
  const { data, info } = await output.raw().toBuffer({ resolveWithObject: true });
  return {
    data: toRgb(data, info.channels as Channels, settings.alpha),
    width: info.width,
    height: info.height,
  };
}

/** Pillow's cmyk2rgb; libvips would go through a colour profile. */
async function fromCmyk(image: Sharp): Promise<Pixels> {
  const cmyk = image.pipelineColourspace('cmyk').toColourspace('cmyk').raw();
  const { data, info } = await cmyk.toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  const out = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < out.length; from += 4, to += 3) {
    const white = 255 - data[from + 3];
    for (let c = 0; c < 3; c++) {
      const ink = data[from + c] * white + 128;
      out[to + c] = Math.max(0, white - (((ink >> 8) + ink) >> 8));
    }
  }
  return { data: out, width, height };
}

/** Pillow clips 16-bit grey at 255 instead of scaling it, so that nearly every such picture turns white. */
async function fromGrey16(image: Sharp): Promise<Pixels> {
  const grey = image.toColourspace('grey16').raw({ depth: 'ushort' });
  const { data, info } = await grey.toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  const values = new Uint16Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.length));
  const out = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++)
    out.fill(Math.min(255, values[i * info.channels]), 3 * i, 3 * i + 3);
  return { data: out, width, height };
}
