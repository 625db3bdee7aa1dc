import { EmbedlaneError } from '../../core/errors.js';
import type { NativeBinding } from '../../native/binding.js';
import { type Admit, decode } from '../decode/decode.js';
import { toRgb } from '../decode/raw.js';
import type { Pixels } from '../decode/settings.js';
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

/**
 * Reads, decodes, resizes and normalises one picture.
 *
 * @throws {EmbedlaneError} `ERR_IMAGE` if it cannot be read
 */
export async function prepare(
  image: WireImage,
  { preprocessing, decode: settings, heightFirst }: PreparationParams,
  binding: NativeBinding,
  admit: Admit,
): Promise<Prepared> {
  const pixels = await read();
  const geometry = inputGeometry(preprocessing, pixels.width, pixels.height, heightFirst);
  const [width, height] = [geometry.x.window, geometry.y.window];
  const data = new Float32Array(3 * width * height);
  binding.resizeImageToPlanes(pixels.data, geometry, preprocessing.table, data);
  return { data, width, height };

  async function read(): Promise<Pixels> {
    if (image.raw) {
      const { width, height, channels } = image.raw;
      return { data: toRgb(image.bytes as Uint8Array, channels, settings.alpha), width, height };
    }
    return decode(await encoded(), image.format, settings, admit);
  }

  async function encoded(): Promise<Uint8Array> {
    if (image.path !== undefined) return readImageFile(image.path, settings);
    if (image.url !== undefined) return fetchImage(image.url, settings);
    if (image.bytes !== undefined) return image.bytes;
    throw new EmbedlaneError('ERR_IMAGE', 'Expected a picture but received nothing');
  }
}
