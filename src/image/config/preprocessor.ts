import { EmbedlaneError } from '../../core/errors.js';
import { JsonObject } from '../../core/json-file.js';
import { readProcessorPart } from '../../core/processor-files.js';
import { RESAMPLE_FILTERS, type ResampleFilter } from '../../native/image-binding.js';
import { type Family, processorFamily } from './families.js';
import { valueTable } from './value-table.js';

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

type Flag = (field: string, otherwise: boolean) => boolean;

/** What would change the numbers and is not implemented: better an error than other vectors. */
const UNSUPPORTED = [
  'do_flip_channel_order',
  'do_thumbnail',
  'do_align_long_axis',
  'do_pad',
  'do_reduce_labels',
];

/** What a class that is not known has to say itself, by the step that needs it. */
const NEEDED = [
  ['do_resize', ['size', 'resample']],
  ['do_normalize', ['image_mean', 'image_std']],
] as const;

/**
 * Reads `preprocessor_config.json`, or what transformers 5 writes instead of it into `processor_config.json`, in the forms
 * that transformers has written over the years: `size` and `crop_size` as numbers or objects, processors by their class
 * names (image processors, their fast and slow variants, feature extractors), whose defaults fill what a file leaves out.
 *
 * @throws {EmbedlaneError} `ERR_MODEL_INVALID` naming the field
 */
export async function readPreprocessing(folder: string): Promise<Preprocessing> {
  const config = await readProcessorPart(folder, ['image_processor']);
  if (!config) {
    throw new EmbedlaneError(
      'ERR_MODEL_INVALID',
      `Expected preprocessor_config.json, or processor_config.json with an image_processor, in the model's folder ${folder}`,
    );
  }
  return parsePreprocessing(config);
}

export function parsePreprocessing(config: JsonObject): Preprocessing {
  const type = config.string('image_processor_type') ?? config.string('feature_extractor_type') ?? '';
  const family = processorFamily(type);
  for (const field of UNSUPPORTED) {
    if (config.boolean(field))
      throw config.invalid(`false (no model of that kind is supported yet)`, `'${field}'`, true);
  }
  const given = new Set(config.keys());
  // To transformers a flag that is null is not set, whatever its class has.
  const flag: Flag = (field, otherwise) => config.boolean(field) ?? (given.has(field) ? false : otherwise);
  checkFamily(config, family, type, flag);
  const { resize, crop } = geometry(config, family, flag);
  const normalizes = flag('do_normalize', true);
  // transformers reads these two fields for one class only.
  const efficientNet = family.name === 'EfficientNet' || family.name === '';
  const again = efficientNet && flag('include_top', family.normalizesTwice);
  return {
    squarePad: flag('square_pad', false),
    resize,
    filter: filter(config) ?? family.filter,
    crop,
    table: valueTable({
      factor: flag('do_rescale', true) ? (config.number('rescale_factor') ?? 1 / 255) : undefined,
      offset: efficientNet && flag('rescale_offset', false),
      mean: normalizes ? (triple(config, 'image_mean') ?? family.mean) : undefined,
      std: normalizes || again ? (triple(config, 'image_std') ?? family.std) : undefined,
      again,
    }),
  };
}

function checkFamily(config: JsonObject, { kind, name }: Family, type: string, flag: Flag): void {
  if (kind === 'other' || (name === 'Perceiver' && flag('do_center_crop', false))) {
    const what =
      kind === 'other' ? 'a processor that resizes, crops and normalises' : 'one that does not crop first';
    throw config.invalid(what, "'image_processor_type'", type);
  }
  if (kind === 'known') return;
  for (const [step, fields] of NEEDED) {
    const missing = flag(step, true) ? fields.find((field) => config.get(field) === undefined) : undefined;
    if (missing !== undefined) {
      throw config.invalid(`a value (the defaults of ${type} are not known)`, `'${missing}'`, undefined);
    }
  }
}

function geometry(config: JsonObject, family: Family, flag: Flag) {
  const squareSizes = flag('default_to_square', family.squareSizes);
  const size = readSize(config, 'size', squareSizes) ?? family.size;
  const cropping = flag('do_center_crop', family.crops);
  const crop = cropping ? (rectangle(config, 'crop_size') ?? family.crop) : undefined;
  if (!flag('do_resize', true)) return { resize: undefined, crop };
  if (family.enlarges === undefined) return { resize: size, crop };
  if (family.enlarges !== 'convnext') return { resize: enlarged(config, family.enlarges, size), crop };
  // ConvNeXT and ResNet: below 384 pixels the picture is resized to a larger one, of which crop_pct is kept.
  if (size.kind !== 'shortest') throw config.invalid('a shortest edge', "'size'", config.get('size'));
  const { edge } = size;
  if (edge >= 384) return { resize: { kind: 'exact', width: edge, height: edge } as const, crop: undefined };
  return {
    resize: shortest(edge / (cropShare(config) ?? 224 / 256)),
    crop: { width: edge, height: edge },
  };
}

/** The size that LeViT and PoolFormer make of theirs. */
function enlarged(config: JsonObject, how: 'levit' | 'poolformer', size: TargetSize): TargetSize {
  if (how === 'levit') return size.kind === 'shortest' ? shortest((256 / 224) * size.edge) : size;
  const share = config.keys().includes('crop_pct') ? cropShare(config) : 0.9;
  if (share === undefined) return size;
  if (size.kind === 'shortest') return shortest(size.edge / share);
  if (size.kind === 'longest') throw config.invalid('a shortest edge', "'size'", config.get('size'));
  const { width, height } = size;
  if (width === height) return shortest(height / share);
  return { kind: 'exact', width: Math.trunc(width / share), height: Math.trunc(height / share) };
}

function shortest(edge: number): TargetSize {
  return { kind: 'shortest', edge: Math.trunc(edge), longest: undefined };
}

function cropShare(config: JsonObject): number | undefined {
  const share = config.number('crop_pct');
  if (share !== undefined && !(share > 0)) throw config.invalid('a positive number', "'crop_pct'", share);
  return share;
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
