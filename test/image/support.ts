import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { DEFAULT_MAX_BYTES, DEFAULT_MAX_PIXELS, type DecodeSettings } from '#dist/image/decode/settings.js';
import type { ResizeAxis } from '#dist/native/image-binding.js';
import { fixture, readGolden } from '../text/goldens.js';

export interface ImageGolden {
  decoded: { shape: [number, number, number]; sha256: string };
  decoded_processor?: { shape: [number, number, number]; sha256: string };
  preprocessed: Record<
    string,
    { resized_wh: [number, number]; pixels: string; values: string; pillow12?: string }
  >;
}

interface ImagesGolden {
  processors: Record<string, Record<string, unknown>>;
  images: Record<string, ImageGolden>;
}

export const goldens = readGolden<ImagesGolden>('images/images.json');

export const DECODE: DecodeSettings = {
  maxPixels: DEFAULT_MAX_PIXELS,
  maxBytes: DEFAULT_MAX_BYTES,
  alpha: 'drop',
  autoOrient: true,
  svg: false,
  hosts: [],
  privateAddresses: false,
};

export const imagePath = (name: string) => fixture(`images/${name}`);
export const imageBytes = (name: string) => readFileSync(imagePath(name));

export function sha256(data: Uint8Array | Float32Array): string {
  return createHash('sha256')
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest('hex');
}

/** An axis without padding and crop. */
export function wholeAxis(image: number, resized: number): ResizeAxis {
  return { image, canvas: image, offset: 0, resized, windowStart: 0, window: resized };
}

/** The image of a golden, as test/fixtures/make/pillow_resize.py makes it. */
export function goldenImage(seed: number, width: number, height: number): Uint8Array {
  const data = new Uint8Array(3 * width * height);
  let state = seed;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = seed % 3 === 0 ? (state >>> 31) * 255 : state >>> 24;
  }
  return data;
}
