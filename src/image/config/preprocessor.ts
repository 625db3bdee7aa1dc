import { EmbedlaneError } from '../../core/errors.js';
import { JsonObject, readJsonObject } from '../../core/json-file.js';
import { RESAMPLE_FILTERS, type ResampleFilter } from '../../native/image-binding.js';
import { type FamilyDefaults, familyDefaults } from './families.js';
import { valueTable } from './value-table.js';

const FILE = 'preprocessor_config.json';

/** Size after resizing, before the crop. */
export type TargetSize =
  | { kind: 'exact'; width: number; height: number }
  /** The shorter side, and where it says so a limit for the longer. */
  | { kind: 'shortest'; edge: number; longest: number | undefined }
  | { kind: 'longest'; edge: number };

/** What happens to a decoded picture before the model sees it: everything, as plain data. */
export interface Preprocessing {
  /** Put the picture in the middle of a black square first (imgbeddings). */
  squarePad: boolean;
  /** Undefined keeps the size. */
  resize: TargetSize | undefined;
  filter: ResampleFilter;
  /** Cut out of the middle; what a smaller picture does not cover is black. */
  crop: { width: number; height: number } | undefined;
  /** `[3, 256]`: what each byte becomes in each channel, by rescaling and normalisation. */
  table: Float32Array;
}

/** What would change the numbers and is not implemented: better an error than other vectors. */
const UNSUPPORTED = [
  'do_flip_channel_order',
  'do_thumbnail',
  'do_align_long_axis',
  'do_pad',
  'do_reduce_labels',
];

/**
 * Reads `preprocessor_config.json` in the forms that transformers has written over the years: `size` and
 * `crop_size` as numbers or objects, processors by their class names (image processors, their fast and slow
 * variants, feature extractors), whose defaults fill what a file leaves out.
 *
 * @throws {EmbedlaneError} `ERR_MODEL_INVALID` naming the field
 */
export async function readPreprocessing(folder: string): Promise<Preprocessing> {
  const config = await readJsonObject(folder, FILE);
  if (!config)
    throw new EmbedlaneError('ERR_MODEL_INVALID', `Expected ${FILE} in the model's folder ${folder}`);
  return parsePreprocessing(config);
}

export function parsePreprocessing(config: JsonObject): Preprocessing {
  const type = config.string('image_processor_type') ?? config.string('feature_extractor_type') ?? '';
  const defaults = familyDefaults(type);
  for (const field of UNSUPPORTED) {
    if (config.boolean(field))
      throw config.invalid(`false (no model of that kind is supported yet)`, `'${field}'`, true);
  }
  const flag = (field: string, otherwise: boolean) => config.boolean(field) ?? otherwise;
  const { resize, crop } = geometry(config, defaults, flag);
  return {
    squarePad: flag('square_pad', false),
    resize,
    filter: filter(config) ?? defaults.filter,
    crop,
    table: valueTable({
      factor: flag('do_rescale', true) ? (config.number('rescale_factor') ?? 1 / 255) : undefined,
      offset: flag('rescale_offset', false),
      mean: flag('do_normalize', true) ? (triple(config, 'image_mean') ?? defaults.mean) : undefined,
      std: flag('do_normalize', true) ? (triple(config, 'image_std') ?? defaults.std) : undefined,
      again: flag('include_top', defaults.normalizesTwice),
    }),
  };
}

function geometry(
  config: JsonObject,
  defaults: FamilyDefaults,
  flag: (field: string, otherwise: boolean) => boolean,
) {
  const size = readSize(config, 'size', defaults.squareSizes) ?? defaults.size;
  const cropping = flag('do_center_crop', defaults.crops);
  const crop = cropping ? (rectangle(config, 'crop_size') ?? defaults.crop) : undefined;
  if (!flag('do_resize', true)) return { resize: undefined, crop };
  if (!defaults.cropsByShare) return { resize: size, crop };
  // ConvNeXT and ResNet: below 384 pixels the picture is resized to a larger one, of which crop_pct is kept.
  if (size.kind !== 'shortest') throw config.invalid('a shortest edge', "'size'", config.get('size'));
  const { edge } = size;
  if (edge >= 384) return { resize: { kind: 'exact', width: edge, height: edge } as const, crop: undefined };
  const share = config.number('crop_pct') ?? 224 / 256;
  if (!(share > 0)) throw config.invalid('a positive number', "'crop_pct'", share);
  return {
    resize: { kind: 'shortest', edge: Math.trunc(edge / share), longest: undefined } as const,
    crop: { width: edge, height: edge },
  };
}

function readSize(config: JsonObject, field: string, squareSizes: boolean): TargetSize | undefined {
  const value = config.get(field);
  if (value === undefined) return undefined;
  if (typeof value === 'number') {
    const edge = config.positiveInteger(field) as number;
    return squareSizes
      ? { kind: 'exact', width: edge, height: edge }
      : { kind: 'shortest', edge, longest: undefined };
  }
  if (Array.isArray(value)) return exact(config, field);
  const size = new JsonObject(`${config.file} (${field})`, value);
  const shortest = size.positiveInteger('shortest_edge');
  const longest = size.positiveInteger('longest_edge');
  if (shortest !== undefined) return { kind: 'shortest', edge: shortest, longest };
  if (longest !== undefined) return { kind: 'longest', edge: longest };
  return exact(config, field);
}

function exact(config: JsonObject, field: string): TargetSize | undefined {
  const size = rectangle(config, field);
  return size && { kind: 'exact', ...size };
}

/** A size as a number, as `[height, width]`, or as an object. */
function rectangle(config: JsonObject, field: string): { width: number; height: number } | undefined {
  const value = config.get(field);
  if (value === undefined) return undefined;
  const [height, width] =
    typeof value === 'number'
      ? [value, value]
      : Array.isArray(value)
        ? value
        : [(value as { height?: unknown }).height, (value as { width?: unknown }).width];
  if (!isSide(height) || !isSide(width)) throw config.invalid('a height and a width', `'${field}'`, value);
  return { width, height };
}

function isSide(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0 && (value as number) <= 8192;
}

function filter(config: JsonObject): ResampleFilter | undefined {
  const value = config.get('resample');
  if (value === undefined) return undefined;
  const known = typeof value === 'number' ? RESAMPLE_FILTERS[value] : undefined;
  if (known === undefined) throw config.invalid("one of Pillow's filters, 0 to 5,", "'resample'", value);
  return known;
}

function triple(config: JsonObject, field: string): [number, number, number] | undefined {
  const value = config.get(field);
  if (value === undefined) return undefined;
  const list = typeof value === 'number' ? [value, value, value] : value;
  if (!Array.isArray(list) || list.length !== 3 || !list.every((item) => typeof item === 'number')) {
    throw config.invalid('three numbers', `'${field}'`, value);
  }
  return list as [number, number, number];
}
