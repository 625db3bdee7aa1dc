import { EmbedlaneError } from '../../core/errors.js';
import type { NativeBinding } from '../../native/binding.js';
import { type Admit, decode, type Inspected, inspect } from '../decode/decode.js';
import { toRgb } from '../decode/raw.js';
import type { DecodeSettings, Pixels } from '../decode/settings.js';
import { inputGeometry } from '../geometry.js';
import { readImageFile } from '../input/read.js';
import { fetchImage } from '../input/url.js';
import type { PreparationParams, WireImage } from './protocol.js';

/** A network's input for one picture: `[3, height, width]`. */
export interface Prepared {
  data: Float32Array<ArrayBuffer>;
  width: number;
  height: number;
}

/** A picture whose bytes are here, encoded or as pixels. */
export type Opened = { encoded: Inspected } | { pixels: Pixels };

/**
 * Reads a picture's bytes, and its header.
 *
 * @throws {EmbedlaneError} `ERR_IMAGE` if it cannot be read
 */
export async function openPicture(image: WireImage, settings: DecodeSettings): Promise<Opened> {
  if (image.raw) {
    const { width, height, channels } = image.raw;
    const data = toRgb(image.bytes as Uint8Array, channels, settings.alpha);
    return { pixels: { data, width, height } };
  }
  return { encoded: await inspect(await bytesOf(image, settings), image.format, settings) };
}

async function bytesOf(image: WireImage, settings: DecodeSettings): Promise<Uint8Array> {
  if (image.path !== undefined) return readImageFile(image.path, settings);
  if (image.url !== undefined) return fetchImage(image.url, settings);
  if (image.bytes !== undefined) return image.bytes;
  throw new EmbedlaneError('ERR_IMAGE', 'Expected a picture but received nothing');
}

/**
 * Decodes, resizes and normalises one picture.
 *
 * @throws {EmbedlaneError} `ERR_IMAGE` if it is damaged
 */
export async function prepare(
  picture: Opened,
  { preprocessing, decode: settings, heightFirst }: PreparationParams,
  binding: NativeBinding,
  admit: Admit,
): Promise<Prepared> {
  const pixels = 'pixels' in picture ? picture.pixels : await decode(picture.encoded, settings, admit);
  const geometry = inputGeometry(preprocessing, pixels.width, pixels.height, heightFirst);
  const [width, height] = [geometry.x.window, geometry.y.window];
  const data = new Float32Array(3 * width * height);
  binding.resizeImageToPlanes(pixels.data, geometry, preprocessing.table, data);
  return { data, width, height };
}
