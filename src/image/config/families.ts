import type { ResampleFilter } from '../../native/image-binding.js';
import type { TargetSize } from './preprocessor.js';

type Triple = readonly [number, number, number];

/**
 * ConvNeXT and ResNet resize to `size / crop_pct` and crop to `size`, below 384 pixels; PoolFormer resizes to
 * `size / crop_pct`, LeViT to `size · 256 / 224`, and both crop to `crop_size`.
 */
export type Enlargement = 'convnext' | 'poolformer' | 'levit';

/** Defaults of an image processor class of transformers 5, for the fields that a file leaves out. */
export interface FamilyDefaults {
  size: TargetSize;
  /** Whether a `size` that is a plain number means a square, and not the shorter side. */
  squareSizes: boolean;
  crop: { width: number; height: number };
  /** Whether a file that does not say crops. */
  crops: boolean;
  /** How the shorter side becomes a larger one of which the crop keeps a part; undefined keeps it. */
  enlarges: Enlargement | undefined;
  filter: ResampleFilter;
  mean: Triple;
  std: Triple;
  /** EfficientNet's `include_top`: divides by the deviation once more. */
  normalizesTwice: boolean;
}

const HALF: Triple = [0.5, 0.5, 0.5];
const OPENAI = {
  mean: [0.48145466, 0.4578275, 0.40821073],
  std: [0.26862954, 0.26130258, 0.27577711],
} as const;

const shortest = (edge: number): TargetSize => ({ kind: 'shortest', edge, longest: undefined });
const exact = (side: number): TargetSize => ({ kind: 'exact', width: side, height: side });
const side = (side: number) => ({ width: side, height: side });

const COMMON = { enlarges: undefined, normalizesTwice: false } as const;
const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;

const CLIP: FamilyDefaults = {
  ...COMMON,
  ...OPENAI,
  size: shortest(224),
  squareSizes: false,
  crop: side(224),
  crops: true,
  filter: 'bicubic',
};

const VIT: FamilyDefaults = {
  ...COMMON,
  size: exact(224),
  squareSizes: true,
  crop: side(224),
  crops: false,
  filter: 'bilinear',
  mean: HALF,
  std: HALF,
};

const MOBILE_NET: FamilyDefaults = {
  ...VIT,
  size: shortest(256),
  squareSizes: false,
  crops: true,
};

const FAMILIES: Record<string, FamilyDefaults> = {
  CLIP,
  ChineseCLIP: CLIP,
  /** DINOv2 uses this class. */
  Bit: CLIP,
  ViT: VIT,
  Siglip: { ...VIT, squareSizes: false, filter: 'bicubic' },
  DeiT: { ...VIT, size: exact(256), crop: side(224), crops: true, filter: 'bicubic' },
  Beit: { ...VIT, filter: 'bicubic' },
  Blip: { ...VIT, ...OPENAI, size: exact(384), filter: 'bicubic' },
  Pvt: { ...VIT, ...IMAGENET, filter: 'bicubic' },
  MobileNetV1: MOBILE_NET,
  MobileNetV2: MOBILE_NET,
  VideoMAE: { ...MOBILE_NET, size: shortest(224) },
  Levit: { ...CLIP, ...IMAGENET, enlarges: 'levit' },
  PoolFormer: { ...CLIP, ...IMAGENET, enlarges: 'poolformer' },
  ConvNext: { ...VIT, size: shortest(384), squareSizes: false, enlarges: 'convnext', filter: 'bicubic' },
  EfficientNet: { ...VIT, size: exact(346), crop: side(289), filter: 'bicubic', normalizesTwice: true },
  DINOv3ViT: { ...VIT, ...IMAGENET },
  /** Files of Perceivers that take films; of others the crop is refused. */
  Perceiver: { ...VIT, ...IMAGENET, filter: 'bicubic' },
};

/** Classes whose arithmetic is another than resize, crop and normalise, whatever their files say. */
const OTHERS = new Set([
  'BridgeTower',
  'Donut',
  'Emu3',
  'Fuyu',
  'Gemma3',
  'GLPN',
  'Idefics',
  'Idefics2',
  'Idefics3',
  'ImageGPT',
  'LlavaNext',
  'LlavaOnevision',
  'MobileViT',
  'Nougat',
  'Owlv2',
  'Pix2Struct',
  'Pixtral',
  'Qwen2VL',
  'Siglip2',
  'SmolVLM',
  'TextNet',
  'TimmWrapper',
  'Vilt',
]);

/** What is known of a processor class. */
export interface Family extends FamilyDefaults {
  /** `'CLIP'`, `'ViT'`, …; `''` where a file names no class. */
  name: string;
  /** `'unknown'`: the defaults are ViT's, and a guess. */
  kind: 'known' | 'unknown' | 'other';
}

/**
 * The family of a class name such as `CLIPImageProcessor`, `ViTImageProcessorFast` or `ConvNextFeatureExtractor`. A file
 * that names none has ViT's defaults.
 */
export function processorFamily(type: string): Family {
  const name = type.replace(/(ImageProcessor(Fast|Pil)?|FeatureExtractor)$/, '');
  const defaults = Object.hasOwn(FAMILIES, name) ? FAMILIES[name] : undefined;
  if (defaults || type === '') return { ...(defaults ?? VIT), name, kind: 'known' };
  return { ...VIT, name, kind: OTHERS.has(name) ? 'other' : 'unknown' };
}
