import { describe, expect, it } from 'vitest';
import { JsonObject } from '#dist/core/json-file.js';
import { parsePreprocessing } from '#dist/image/config/preprocessor.js';
import { inputGeometry } from '#dist/image/geometry.js';
import { loadBinding } from '#dist/native/load.js';
import { readGolden } from '../text/goldens.js';
import { goldenImage, sha256 } from './support.js';

interface PreprocessorsGolden {
  pictures: [seed: number, width: number, height: number][];
  cases: { family: string; config: Record<string, unknown>; results: [number, number, string][] }[];
}

const golden = readGolden<PreprocessorsGolden>('images/preprocessors.json');
const parse = (values: Record<string, unknown>) =>
  parsePreprocessing(new JsonObject('preprocessor_config.json', values));

describe("transformers' image processors", () => {
  it.each(golden.cases.map((item) => [`${item.family} ${JSON.stringify(item.config)}`, item] as const))(
    '%s',
    (_, { family, config, results }) => {
      const files = [
        { image_processor_type: `${family}ImageProcessor`, ...config },
        { image_processor_type: `${family}ImageProcessorFast`, ...config },
        { feature_extractor_type: `${family}FeatureExtractor`, ...config },
      ];
      for (const preprocessing of files.map(parse)) {
        const actual = golden.pictures.map(([seed, width, height]) => {
          const geometry = inputGeometry(preprocessing, width, height, true);
          const [rows, columns] = [geometry.y.window, geometry.x.window];
          const values = new Float32Array(3 * rows * columns);
          const pixels = goldenImage(seed, width, height);
          loadBinding().resizeImageToPlanes(pixels, geometry, preprocessing.table, values);
          return [rows, columns, sha256(values).slice(0, 16)];
        });
        expect(actual).toEqual(results);
      }
    },
  );
});

describe('sizes', () => {
  it('fits the longer side, or the shorter up to a limit', () => {
    const size = (value: object, width: number, height: number) => {
      const config = { image_processor_type: 'CLIPImageProcessor', do_center_crop: false, size: value };
      const { x, y } = inputGeometry(parse(config), width, height, true);
      return [x.window, y.window];
    };
    expect(size({ longest_edge: 100 }, 400, 100)).toEqual([100, 25]);
    expect(size({ longest_edge: 100 }, 1, 4000)).toEqual([1, 100]);
    expect(size({ shortest_edge: 50, longest_edge: 120 }, 100, 200)).toEqual([50, 100]);
    expect(size({ shortest_edge: 50, longest_edge: 120 }, 100, 400)).toEqual([30, 120]);
  });

  it('refuses a picture whose input would be huge', () => {
    const config = { image_processor_type: 'CLIPImageProcessor', do_center_crop: false };
    expect(() => inputGeometry(parse(config), 1, 60_000, true)).toThrow(
      expect.objectContaining({ code: 'ERR_IMAGE' }),
    );
    const cropped = { ...config, do_center_crop: true, size: { shortest_edge: 1024 } };
    expect(inputGeometry(parse(cropped), 1, 65_535, true).y.resized).toBe(1024 * 65_535);
    cropped.size.shortest_edge++;
    expect(() => inputGeometry(parse(cropped), 1, 65_535, true)).toThrow(
      expect.objectContaining({
        code: 'ERR_IMAGE',
        message: expect.stringMatching(/after resizing .* becomes 1025 × 67173375/) as string,
      }),
    );
  });
});

describe('classes', () => {
  const whole = { size: 32, resample: 3, image_mean: [0, 0, 0], image_std: [1, 1, 1] };

  it('takes one that is not known if its file leaves nothing to guess', () => {
    const type = { image_processor_type: 'SomeImageProcessor' };
    expect(parse({ ...type, ...whole }).filter).toBe('bicubic');
    expect(parse({ ...type, do_resize: false, do_normalize: false }).resize).toBeUndefined();
    for (const field of Object.keys(whole)) {
      expect(() => parse({ ...type, ...whole, [field]: undefined })).toThrow(
        expect.objectContaining({ code: 'ERR_MODEL_INVALID', message: expect.stringContaining(field) }),
      );
    }
  });

  it('refuses those that do something else', () => {
    for (const type of [
      'Siglip2ImageProcessor',
      'BridgeTowerImageProcessorFast',
      'PerceiverFeatureExtractor',
    ]) {
      const config = { feature_extractor_type: type, do_center_crop: true, ...whole };
      expect(() => parse(config)).toThrow(
        expect.objectContaining({ code: 'ERR_MODEL_INVALID', message: expect.stringContaining(type) }),
      );
    }
  });
});

describe('a file that is wrong names the field', () => {
  it.each<[string, Record<string, unknown>]>([
    ['size', { size: { edge: 3 } }],
    ['size', { size: -1 }],
    ['size', { size: { height: 10 } }],
    ['crop_size', { crop_size: 'large' }],
    ['resample', { resample: 9 }],
    ['resample', { resample: 'cubic' }],
    ['image_mean', { image_mean: [0.5, 0.5] }],
    ['image_std', { image_std: 'half' }],
    ['rescale_factor', { rescale_factor: '1/255' }],
    ['do_flip_channel_order', { do_flip_channel_order: true }],
    ['do_pad', { do_pad: true }],
    ['crop_pct', { image_processor_type: 'ConvNextImageProcessor', size: 224, crop_pct: 0 }],
  ])('%s', (field, config) => {
    expect(() => parse({ image_processor_type: 'CLIPImageProcessor', ...config })).toThrow(
      expect.objectContaining({ code: 'ERR_MODEL_INVALID', message: expect.stringContaining(field) }),
    );
  });
});
