import { type EmbedlaneError, invalidArgument } from '../core/errors.js';
import { absolutePath } from '../core/io.js';
import type { OnProgress } from '../core/progress.js';
import { isTyped } from '../core/realms.js';
import {
  finiteNumber,
  float32Array,
  integer,
  oneOf,
  optionalBoolean,
  optionalFunction,
  optionalInteger,
  optionalSignal,
  optionsObject,
} from '../core/validate.js';
import { checkHubOptions, DTYPES, type Dtype, HUB_OPTIONS, type HubOptions } from '../hub/index.js';
import type { ImageInput } from '../image/index.js';
import { checkImages, named } from '../image/input/source.js';
import { checkReading } from '../image/options.js';
import { checkRuntimeOptions, RUNTIME_OPTIONS, type RuntimeOptions } from '../runtime/index.js';
import { checkSampling, type FrameSampling } from './frames/sampling.js';

/**
 * A film: path of a file or its bytes, for ffmpeg; or pictures that have been chosen already, with the second of each and,
 * for the Perceiver, the sound of one channel that goes with them.
 */
export type VideoInput =
  | string
  | Uint8Array
  | {
      frames: readonly ImageInput[];
      times?: readonly number[];
      audio?: { samples: Float32Array; sampleRate: number };
    };

/** A {@link VideoInput} after validation. */
export type VideoSource = Exclude<VideoInput, object> | Uint8Array | DecodedVideo;

/** A film whose frames the caller has. */
export interface DecodedVideo {
  frames: readonly ImageInput[];
  times: readonly number[];
  audio: { samples: Float32Array; sampleRate: number } | undefined;
}

/** Options of `VideoEmbedder.load`. */
export interface VideoLoadOptions extends HubOptions, RuntimeOptions {
  /** Which variant of the weights; see `TextEmbedder.load`. */
  dtype?: Dtype;
  /** Milliseconds without a sign of life after which ffmpeg is ended. Default 30,000. */
  ffmpegTimeout?: number;
  /** Aborts the loading, downloads included. */
  signal?: AbortSignal;
}

/** Options of every call that embeds. */
export interface VideoEncodeOptions {
  /** Which frames: `{ count }`, `{ fps }` or `{ scenes }`. Default `{ count: 8 }`. Not for the Perceiver. */
  frames?: FrameSampling;
  /** Perceiver only: seconds from the beginning of one clip to that of the next. Default: one clip, the first. */
  every?: number;
  /** Divide each vector by its length, last of all. Default false. */
  normalize?: boolean;
  /** Aborts the call, which then rejects with `ERR_ABORTED`. */
  signal?: AbortSignal;
  /** Called after every film. */
  onProgress?: OnProgress;
}

/** Options of `encode`. */
export interface VideoVectorOptions extends VideoEncodeOptions {
  /** How frames become one vector: their mean (the default), or the largest value of each dimension. */
  pooling?: 'mean' | 'max';
  /** Divide the frames' vectors by their lengths before the pooling, so that each counts alike. Default false. */
  normalizeFrames?: boolean;
}

/** Options of `search`. */
export interface VideoSearchOptions {
  /** Moments per question. Default 5. */
  k?: number;
  signal?: AbortSignal;
}

/** What a picture model is loaded with; it checks them itself. */
const IMAGE_MODEL_OPTIONS = ['dtype', 'signal', ...RUNTIME_OPTIONS, ...HUB_OPTIONS] as const;
const LOAD_OPTIONS = [...IMAGE_MODEL_OPTIONS, 'ffmpegTimeout'] as const;
const ENCODE_OPTIONS = ['frames', 'every', 'normalize', 'signal', 'onProgress'] as const;
const MAX_TIMEOUT = 2 ** 31 - 1;
/** A day. */
const MAX_SECONDS = 86_400;

export function checkVideoLoadOptions(options: VideoLoadOptions | undefined) {
  const given = optionsObject<VideoLoadOptions>('options', options, LOAD_OPTIONS);
  return {
    dtype: given.dtype === undefined ? ('auto' as const) : oneOf('dtype', given.dtype, DTYPES),
    runtime: checkRuntimeOptions(given),
    patience: optionalInteger('ffmpegTimeout', given.ffmpegTimeout, 1, MAX_TIMEOUT),
    signal: optionalSignal('signal', given.signal),
    hub: checkHubOptions(given),
    imageModelOptions: Object.fromEntries(
      IMAGE_MODEL_OPTIONS.filter((name) => given[name] !== undefined).map((name) => [name, given[name]]),
    ) as Omit<VideoLoadOptions, 'ffmpegTimeout'>,
  };
}

/** {@link VideoVectorOptions} after validation. */
export interface VideoPlan {
  frames: FrameSampling;
  every: number | undefined;
  pooling: 'mean' | 'max';
  normalizeFrames: boolean;
  normalize: boolean;
  signal: AbortSignal | undefined;
  onProgress: OnProgress | undefined;
}

/** @param kind what the model takes: single frames, or clips with their sound */
export function checkVideoOptions(
  options: VideoVectorOptions | undefined,
  more: readonly ('pooling' | 'normalizeFrames')[],
  kind: 'frames' | 'clips',
): VideoPlan {
  const known = ENCODE_OPTIONS.filter((name) => name !== (kind === 'clips' ? 'frames' : 'every'));
  const given = optionsObject<VideoVectorOptions>('options', options, [...known, ...more]);
  const { pooling, every } = given;
  if (every !== undefined && !(finiteNumber('every', every) > 0 && every <= MAX_SECONDS)) {
    throw invalidArgument('every', `seconds above 0, at most ${MAX_SECONDS}`, every);
  }
  return {
    frames: checkSampling(given.frames),
    every,
    pooling: pooling === undefined ? 'mean' : oneOf<'mean' | 'max'>('pooling', pooling, ['mean', 'max']),
    normalizeFrames: optionalBoolean('normalizeFrames', given.normalizeFrames) ?? false,
    normalize: optionalBoolean('normalize', given.normalize) ?? false,
    signal: optionalSignal('signal', given.signal),
    onProgress: optionalFunction('onProgress', given.onProgress),
  };
}

export function checkVideoSearchOptions(options: VideoSearchOptions | undefined) {
  const given = optionsObject<VideoSearchOptions>('options', options, ['k', 'signal']);
  return {
    k: integer('k', given.k ?? 5, 1, 2 ** 31 - 1),
    signal: optionalSignal('signal', given.signal),
  };
}

/** Checks one film or a list of them. */
export function videoList(value: VideoInput | readonly VideoInput[]): VideoSource[] {
  const list = Array.isArray(value) ? value : [value];
  return Array.from(list, (item, i) => videoInput(Array.isArray(value) ? `inputs[${i}]` : 'inputs', item));
}

function videoInput(name: string, value: VideoInput): VideoSource {
  if (typeof value === 'string') {
    if (value === '' || value.includes('\0')) throw invalidArgument(name, 'the path of a file', value);
    // A lane has the working directory of its start.
    return absolutePath(value);
  }
  if (isTyped(value, Uint8Array)) {
    if (value.length === 0) throw invalidArgument(name, 'at least one byte', value);
    return value;
  }
  if (value === null || typeof value !== 'object' || !Array.isArray(value.frames)) {
    throw invalidArgument(name, 'a path, bytes, or { frames, times, audio }', value);
  }
  const { frames, times, audio } = value;
  if (frames.length === 0) throw invalidArgument(`${name}.frames`, 'at least one frame', frames);
  const bad = checkImages(`${name}.frames`, frames, checkReading({}).decode).find(({ error }) => error);
  if (bad) throw named(bad.error as EmbedlaneError, bad.name);
  return {
    frames,
    times: times === undefined ? frames.map((_, i) => i) : seconds(`${name}.times`, times, frames.length),
    audio: audio && {
      samples: float32Array(`${name}.audio.samples`, audio.samples),
      sampleRate: integer(`${name}.audio.sampleRate`, audio.sampleRate, 1000, 768_000),
    },
  };
}

function seconds(name: string, value: readonly number[], length: number): readonly number[] {
  if (!Array.isArray(value) || value.length !== length) {
    throw invalidArgument(name, `an array of ${length} numbers, one for each frame`, value);
  }
  return value.map((time, i) => finiteNumber(`${name}[${i}]`, time));
}
