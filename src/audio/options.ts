import { optionalTimeout } from '../core/deadline.js';
import { invalidArgument } from '../core/errors.js';
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
  optionalSignal,
  optionsObject,
} from '../core/validate.js';
import { checkHubOptions, DTYPES, type Dtype, HUB_OPTIONS, type HubOptions } from '../hub/index.js';
import { checkRuntimeOptions, RUNTIME_OPTIONS, type RuntimeOptions } from '../runtime/index.js';
import { type AudioSource, RATES } from './decode/open.js';

/**
 * A sound: path of a file, its bytes, or samples of one channel in [-1, 1]. WAV, FLAC, MP3 and Ogg Vorbis are decoded
 * by the library, everything else by `ffmpeg` where it is on the PATH.
 */
export type AudioInput = string | Uint8Array | { samples: Float32Array; sampleRate: number };

/** Options of `AudioEmbedder.load`. */
export interface AudioLoadOptions extends HubOptions, RuntimeOptions {
  /** Which variant of the weights; see `TextEmbedder.load`. */
  dtype?: Dtype;
  /** Loads the decoder too, for `encodeDecoder`. Default false. */
  decoder?: boolean;
  /** Aborts the loading, downloads included. */
  signal?: AbortSignal;
}

/** Options of every call that embeds. */
export interface AudioEncodeOptions {
  /** Seconds of each sound that count. Default: all; 30 gives what transformers' feature extractor keeps. */
  maxSeconds?: number;
  /** Seconds that neighbouring windows of a long sound share. Default 0. */
  overlap?: number;
  /** Let the silence that fills up the last window count too. Default false. */
  padding?: boolean;
  /** Aborts the call, which then rejects with `ERR_ABORTED`. */
  signal?: AbortSignal;
  /** Milliseconds after which the call is given up and rejects with `ERR_TIMEOUT`. Default: none. */
  timeout?: number;
  /** Called after every sound. */
  onProgress?: OnProgress;
}

/** Options of `encode` and `encodeWindows`. */
export interface AudioVectorOptions extends AudioEncodeOptions {
  /** Divide each vector by its length. Default false. */
  normalize?: boolean;
}

/** Options of `encodeDecoder`. */
export interface AudioDecoderOptions extends AudioEncodeOptions {
  /** Tokens that the decoder starts from. Default: the model's start token, twice. */
  decoderInputIds?: readonly number[];
}

const LOAD_OPTIONS = ['dtype', 'signal', ...RUNTIME_OPTIONS, ...HUB_OPTIONS] as const;
const ENCODE_OPTIONS = ['maxSeconds', 'overlap', 'signal', 'timeout', 'onProgress'] as const;
/** A day; beyond it a number is a mistake. */
const MAX_SECONDS = 86_400;

/** @param more an option that the kind of model has beside the common ones; the caller checks its value */
export function checkAudioLoadOptions(options: AudioLoadOptions | undefined, more: 'decoder' | 'logitScale') {
  const given = optionsObject<AudioLoadOptions & { logitScale?: number }>('options', options, [
    ...LOAD_OPTIONS,
    more,
  ]);
  return {
    dtype: given.dtype === undefined ? ('auto' as const) : oneOf('dtype', given.dtype, DTYPES),
    runtime: checkRuntimeOptions(given),
    decoder: optionalBoolean('decoder', given.decoder) ?? false,
    signal: optionalSignal('signal', given.signal),
    hub: checkHubOptions(given),
  };
}

/** Samples of one channel as they come: numbers in [-1, 1], 16-bit numbers, or bytes of the option `format`. */
export type PcmPiece = Float32Array | Int16Array | Uint8Array;

/** Options of `encodeStream`. */
export interface AudioStreamOptions
  extends Pick<AudioVectorOptions, 'overlap' | 'padding' | 'normalize' | 'signal'> {
  /** Samples per second of the stream. */
  sampleRate: number;
  /** What bytes are: signed 16-bit (the default) or float numbers, both little-endian. */
  format?: 's16le' | 'f32le';
}

/** {@link AudioStreamOptions} after validation. */
export interface AudioStreamPlan extends AudioPlan {
  sampleRate: number;
  format: 's16le' | 'f32le';
}

/** @param more what the model knows beside overlap and abort */
export function checkAudioStreamOptions(
  options: AudioStreamOptions,
  more: readonly ('normalize' | 'padding')[],
  windowSeconds: number,
): AudioStreamPlan {
  const { sampleRate, format, ...rest } = optionsObject<AudioStreamOptions>('options', options, [
    ...(['sampleRate', 'format', 'overlap', 'signal'] as const),
    ...more,
  ]);
  return {
    ...checkAudioEncodeOptions(rest, more, windowSeconds),
    sampleRate: integer('sampleRate', sampleRate, RATES.least, RATES.most),
    format: format === undefined ? 's16le' : oneOf<'s16le' | 'f32le'>('format', format, ['s16le', 'f32le']),
  };
}

/** {@link AudioEncodeOptions} after validation. */
export interface AudioPlan {
  maxSeconds: number | undefined;
  overlap: number;
  padding: boolean;
  normalize: boolean;
  decoderInputIds: number[];
  signal: AbortSignal | undefined;
  timeout: number | undefined;
  onProgress: OnProgress | undefined;
}

/** @param windowSeconds longest overlap, exclusive */
export function checkAudioEncodeOptions(
  options: (AudioVectorOptions & AudioDecoderOptions) | undefined,
  more: readonly ('normalize' | 'padding' | 'decoderInputIds')[],
  windowSeconds: number,
): AudioPlan {
  const given = optionsObject<AudioVectorOptions & AudioDecoderOptions>('options', options, [
    ...ENCODE_OPTIONS,
    ...more,
  ]);
  return {
    maxSeconds:
      given.maxSeconds === undefined ? undefined : seconds('maxSeconds', given.maxSeconds, MAX_SECONDS),
    overlap: overlapSeconds(given.overlap ?? 0, windowSeconds),
    padding: optionalBoolean('padding', given.padding) ?? false,
    normalize: optionalBoolean('normalize', given.normalize) ?? false,
    decoderInputIds: tokenIds(given.decoderInputIds ?? []),
    signal: optionalSignal('signal', given.signal),
    timeout: optionalTimeout('timeout', given.timeout),
    onProgress: optionalFunction('onProgress', given.onProgress),
  };
}

function seconds(name: string, value: unknown, most: number): number {
  const number = finiteNumber(name, value);
  if (number <= 0 || number > most) throw invalidArgument(name, `seconds above 0, at most ${most}`, value);
  return number;
}

function overlapSeconds(value: unknown, windowSeconds: number): number {
  const number = finiteNumber('overlap', value);
  if (number < 0 || number > windowSeconds / 2) {
    throw invalidArgument('overlap', `seconds between 0 and half a window, ${windowSeconds / 2}`, value);
  }
  return number;
}

function tokenIds(value: readonly number[]): number[] {
  if (!Array.isArray(value)) throw invalidArgument('decoderInputIds', 'an array of token ids', value);
  return Array.from(value, (id, i) => integer(`decoderInputIds[${i}]`, id, 0, 2 ** 31 - 1));
}

/** Checks one sound or a list of them. */
export function audioList(value: AudioInput | readonly AudioInput[]): AudioSource[] {
  const list = Array.isArray(value) ? value : [value];
  return Array.from(list, (item, i) => audioInput(Array.isArray(value) ? `inputs[${i}]` : 'inputs', item));
}

function audioInput(name: string, value: AudioInput): AudioSource {
  if (typeof value === 'string') {
    if (value === '' || value.includes('\0')) throw invalidArgument(name, 'the path of a file', value);
    // A lane has the working directory of its start.
    return absolutePath(value);
  }
  if (isTyped(value, Uint8Array)) return value;
  if (value === null || typeof value !== 'object' || !('samples' in value)) {
    throw invalidArgument(name, 'a path, bytes, or { samples, sampleRate }', value);
  }
  return {
    samples: float32Array(`${name}.samples`, value.samples),
    sampleRate: integer(`${name}.sampleRate`, value.sampleRate, 1, 2 ** 31 - 1),
  };
}
