import { describe, expect, it } from 'vitest';
import { JsonObject } from '#dist/core/json-file.js';
import { parsePreprocessing } from '#dist/image/config/preprocessor.js';
import { decode, inspect } from '#dist/image/decode/decode.js';
import type { DecodeSettings, Pixels } from '#dist/image/decode/settings.js';
import { inputGeometry } from '#dist/image/geometry.js';
import { loadBinding } from '#dist/native/load.js';
import { DECODE, goldens, imageBytes, sha256 } from './support.js';

const names = Object.keys(goldens.images);
const binding = loadBinding();

const decoded = new Map<string, Promise<Pixels>>();
function pixelsOf(name: string): Promise<Pixels> {
  const known = decoded.get(name) ?? decodeWith(name, DECODE);
  decoded.set(name, known);
  return known;
}

async function decodeWith(name: string, settings: DecodeSettings): Promise<Pixels> {
  return decode(await inspect(imageBytes(name), undefined, settings), settings, () => () => {});
}

describe('decoding, against Pillow', () => {
  it.each(names)('%s', async (name) => {
    const { data, width, height } = await pixelsOf(name);
    const golden = goldens.images[name].decoded;
    expect([height, width, 3]).toEqual(golden.shape);
    expect(sha256(data)).toBe(golden.sha256);
  });

  const processorNames = names.filter((name) => goldens.images[name].decoded_processor);
  it.each(processorNames)('%s with a white background and no rotation', async (name) => {
    const { data, width, height } = await decodeWith(name, { ...DECODE, alpha: 'white', autoOrient: false });
    const golden = goldens.images[name].decoded_processor;
    expect([height, width, 3]).toEqual(golden?.shape);
    expect(sha256(data)).toBe(golden?.sha256);
  });
});

describe.each(Object.keys(goldens.processors))('%s, against transformers', (key) => {
  const { square_pad, ...config } = goldens.processors[key];
  const preprocessing = parsePreprocessing(
    new JsonObject('preprocessor_config.json', { square_pad, ...config }),
  );

  it.each(names)('%s', async (name) => {
    const { data, width, height } = await pixelsOf(name);
    const golden = goldens.images[name].preprocessed[key];
    const geometry = inputGeometry(preprocessing, width, height, true);
    expect([geometry.x.resized, geometry.y.resized]).toEqual(golden.resized_wh);
    const size = 3 * geometry.x.window * geometry.y.window;
    const pixels = new Uint8Array(size);
    binding.resizeImage(data, geometry, pixels);
    expect(sha256(pixels)).toBe(golden.pixels);
    const values = new Float32Array(size);
    binding.resizeImageToPlanes(data, geometry, preprocessing.table, values);
    expect(sha256(values)).toBe(golden.values);
    binding.resizeImage(data, { ...geometry, heightFirst: false }, pixels);
    expect(sha256(pixels)).toBe(golden.pillow12 ?? golden.pixels);
  });
});
