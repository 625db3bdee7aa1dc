import { availableParallelism } from 'node:os';
import { optionalTimeout } from '../core/deadline.js';
import { invalidArgument } from '../core/errors.js';
import type { OnProgress } from '../core/progress.js';
import {
  integer,
  oneOf,
  optionalBoolean,
  optionalFunction,
  optionalInteger,
  optionalSignal,
  optionsObject,
} from '../core/validate.js';
import { checkHubOptions, DTYPES, type Dtype, HUB_OPTIONS, type HubOptions } from '../hub/index.js';
import { checkRuntimeOptions, RUNTIME_OPTIONS, type RuntimeOptions } from '../runtime/index.js';
import { DEFAULT_MAX_BYTES, DEFAULT_MAX_PIXELS, type DecodeSettings } from './decode/settings.js';
import type { ImagePlan } from './encode-job.js';
import type { ImagePooling } from './lane/protocol.js';

/** How pictures are read; options of loading a model, the same for all its pictures. */
export interface ImageReadingOptions {
  /** Most pixels of a picture, width × height, checked before decoding. Default 100 million. */
  maxPixels?: number;
  /** Most bytes of an encoded picture. Default 256 MiB. */
  maxBytes?: number;
  /**
   * What to do with transparency: `'drop'` (the default, as transformers' `load_image`) takes the colours below
   * it, `'white'` puts a white background behind it (as the processors of transformers 5 do by themselves).
   */
  alpha?: 'drop' | 'white';
  /** Turn pictures as their EXIF orientation says. Default true. */
  autoOrient?: boolean;
  /** Also decode SVG. Default false. */
  svg?: boolean;
  /** Host names that URLs may have, redirects included. Default none: no URL is fetched. */
  hosts?: readonly string[];
  /** Allow those hosts to have addresses of this machine or its local network. Default false. */
  privateAddresses?: boolean;
  /**
   * Version of Pillow to be equal to: 13 resizes portraits in another order than 12 and before. Default 13.
   */
  pillow?: 12 | 13;
}

/** Options of `ImageEmbedder.load`. */
export interface ImageLoadOptions extends ImageReadingOptions, HubOptions, RuntimeOptions {
  /** Which variant of the weights: `'fp32'`, `'fp16'`, `'int8'`, or `'auto'` (the default), the most exact one. */
  dtype?: Dtype;
  /** Pictures per run of the model. Default 8. */
  batchSize?: number;
  /**
   * What becomes the vector: `'cls'` the class token, `'mean'` the mean over all positions, `'pooler'` the
   * model's own pooled output. Default: what the model is made for.
   */
  pooling?: ImagePooling;
  /** Path of a `.npz` file with `mean` and `components`, applied to every embedding (imgbeddings). */
  pca?: string;
  /** Aborts the loading, downloads included. */
  signal?: AbortSignal;
}

/** Options of `encode` for pictures. */
export interface ImageEncodeOptions {
  /** Divide each vector by its length, last of all. Default false. */
  normalize?: boolean;
  /** Keep only the first so many dimensions. */
  truncateDim?: number;
  /** Type of the values. Only `'float32'` in this version. */
  precision?: 'float32';
  /**
   * What a picture that cannot be read does: `'throw'` (the default) rejects the call, `'skip'` leaves it out
   * and lists it in the result's `skipped`.
   */
  onError?: 'throw' | 'skip';
  /** Aborts the call, which then rejects with `ERR_ABORTED`. */
  signal?: AbortSignal;
  /** Milliseconds after which the call is given up and rejects with `ERR_TIMEOUT`. Default: none. */
  timeout?: number;
  /** Called after every batch. */
  onProgress?: OnProgress;
}

/** Options of `encodeStream` for pictures. */
export interface ImageEncodeStreamOptions extends Omit<ImageEncodeOptions, 'onProgress'> {
  /** Pictures per part; also bounds the memory. Default 64. */
  window?: number;
}

export const READING_OPTIONS = [
  'maxPixels',
  'maxBytes',
  'alpha',
  'autoOrient',
  'svg',
  'hosts',
  'privateAddresses',
  'pillow',
] as const;
const LOAD_OPTIONS = [
  ...READING_OPTIONS,
  'dtype',
  'batchSize',
  'pooling',
  'pca',
  'signal',
  ...RUNTIME_OPTIONS,
  ...HUB_OPTIONS,
] as const;
const ENCODE_OPTIONS = [
  'normalize',
  'truncateDim',
  'precision',
  'onError',
  'signal',
  'timeout',
  'onProgress',
] as const;

/** Pictures per run of the model; a single query waits for at most one run of each bulk job. */
const DEFAULT_BATCH = 8;
/** Threads that decode beside the model: memory grows with them, and few decoders keep up with any model. */
const MAX_WORKERS = 8;

export function checkReading(given: Partial<ImageReadingOptions>): {
  decode: DecodeSettings;
  heightFirst: boolean;
} {
  return {
    decode: {
      maxPixels: optionalInteger('maxPixels', given.maxPixels, 1, 2 ** 31) ?? DEFAULT_MAX_PIXELS,
      maxBytes: optionalInteger('maxBytes', given.maxBytes, 1, 2 ** 31) ?? DEFAULT_MAX_BYTES,
      alpha:
        given.alpha === undefined ? 'drop' : oneOf<'drop' | 'white'>('alpha', given.alpha, ['drop', 'white']),
      autoOrient: optionalBoolean('autoOrient', given.autoOrient) ?? true,
      svg: optionalBoolean('svg', given.svg) ?? false,
      hosts: given.hosts === undefined ? [] : hostNames(given.hosts),
      privateAddresses: optionalBoolean('privateAddresses', given.privateAddresses) ?? false,
    },
    heightFirst: (optionalInteger('pillow', given.pillow, 12, 13) ?? 13) >= 13,
  };
}

function hostNames(value: unknown): string[] {
  const valid =
    Array.isArray(value) &&
    value.every((host) => typeof host === 'string' && /^[^\s/:@?#]+$|^\[[\da-f:.]+\]$/i.test(host));
  if (!valid) throw invalidArgument('hosts', "an array of host names, such as 'images.example.com',", value);
  return (value as string[]).map((host) => host.toLowerCase());
}

/** Options of running a graph, which ImageEmbedder and ClipEmbedder share. */
export function checkRunning(given: Partial<ImageLoadOptions>) {
  const { session, lanes } = checkRuntimeOptions(given);
  return {
    dtype: given.dtype === undefined ? ('auto' as const) : oneOf('dtype', given.dtype, DTYPES),
    session,
    lanes,
    batchSize: optionalInteger('batchSize', given.batchSize, 1, 4096) ?? DEFAULT_BATCH,
    workers: Math.min(MAX_WORKERS, session.threads || availableParallelism()),
    signal: optionalSignal('signal', given.signal),
    hub: checkHubOptions(given),
  };
}

export function checkImageLoadOptions(options: ImageLoadOptions | undefined) {
  const given = optionsObject<ImageLoadOptions>('options', options, LOAD_OPTIONS);
  const { pooling, pca } = given;
  if (pca !== undefined && (typeof pca !== 'string' || pca === ''))
    throw invalidArgument('pca', 'a path', pca);
  return {
    ...checkReading(given),
    ...checkRunning(given),
    pooling:
      pooling === undefined ? undefined : oneOf<ImagePooling>('pooling', pooling, ['cls', 'mean', 'pooler']),
    pca,
  };
}

export function checkImageEncodeOptions(
  options: ImageEncodeOptions | undefined,
  dimensions: number,
  output: ImagePlan['output'] = 'features',
): ImagePlan {
  const given = optionsObject<ImageEncodeOptions>('options', options, ENCODE_OPTIONS);
  if (given.precision !== undefined) oneOf('precision', given.precision, ['float32']);
  const { truncateDim, onError } = given;
  return {
    output,
    normalize: optionalBoolean('normalize', given.normalize) ?? false,
    truncateDim: truncateDim === undefined ? undefined : integer('truncateDim', truncateDim, 1, dimensions),
    onError: onError === undefined ? 'throw' : oneOf<'throw' | 'skip'>('onError', onError, ['throw', 'skip']),
    signal: optionalSignal('signal', given.signal),
    timeout: optionalTimeout('timeout', given.timeout),
    onProgress: optionalFunction('onProgress', given.onProgress),
  };
}
