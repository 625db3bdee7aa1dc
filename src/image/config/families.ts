import type { ResampleFilter } from '../../native/image-binding.js';
import type { TargetSize } from './preprocessor.js';

type Triple = readonly [number, number, number];

/** Defaults of an image processor class of transformers 5, for the fields that a file leaves out. */
export interface FamilyDefaults {
  size: TargetSize;
  /** Whether a `size` that is a plain number means a square, and not the shorter side. */
  squareSizes: boolean;
  crop: { width: number; height: number };
  /** Whether a file that does not say crops. */
  crops: boolean;
  /** Resizes to `size / crop_pct` and crops, below 384 pixels. */
  cropsByShare: boolean;
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

const COMMON = { cropsByShare: false, normalizesTwice: false } as const;

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

const FAMILIES: Record<string, FamilyDefaults> = {
  CLIP,
  ChineseCLIP: CLIP,
  /** DINOv2 uses this class. */
  Bit: CLIP,
  ViT: VIT,
  Siglip: { ...VIT, filter: 'bicubic' },
  DeiT: { ...VIT, size: exact(256), crop: side(224), crops: true, filter: 'bicubic' },
  Beit: { ...VIT, filter: 'bicubic' },
  ConvNext: { ...VIT, size: shortest(384), squareSizes: false, cropsByShare: true, filter: 'bicubic' },
  EfficientNet: { ...VIT, size: exact(346), crop: side(289), filter: 'bicubic', normalizesTwice: true },
};

/**
 * Defaults for a class name such as `CLIPImageProcessor`, `ViTImageProcessorFast` or `ConvNextFeatureExtractor`.
 * A class that is not known has ViT's; files of such models are complete as a rule.
 */
export function familyDefaults(type: string): FamilyDefaults {
  const name = type.replace(/(ImageProcessor(Fast|Pil)?|FeatureExtractor)$/, '');
  return FAMILIES[name] ?? VIT;
}
