import { Resampler } from '../../audio/resampler.js';
import { concatFloats } from '../../core/concat.js';
import { EmbedlaneError } from '../../core/errors.js';
import type { ImageInput } from '../../image/index.js';
import type { FfmpegReading } from '../../runtime/ffmpeg.js';
import { FfmpegError } from '../../runtime/ffmpeg.js';
import { decodeFrames } from '../frames/decode.js';
import { readVideo, videoError } from '../frames/ffmpeg.js';
import { readTimeline } from '../frames/timeline.js';
import type { DecodedVideo, VideoSource } from '../options.js';
import type { PerceiverConfig } from './config.js';

/** Consecutive frames with their sound. */
export interface Clip {
  frames: ImageInput[];
  audio: Float32Array;
  /** Second at which it begins. */
  time: number;
}

type ClipShape = Pick<PerceiverConfig, 'frames' | 'audioSamples' | 'sampleRate'>;

/**
 * Cuts clips out of a film: the first, or one every so many seconds. A clip that the film ends in repeats its last
 * frame, and silence follows its sound; a film without sound is silent.
 *
 * @throws {EmbedlaneError} `ERR_VIDEO`, `ERR_ABORTED`
 */
export async function* readClips(
  source: VideoSource,
  shape: ClipShape,
  every: number | undefined,
  reading: FfmpegReading,
): AsyncGenerator<Clip> {
  if (typeof source === 'object' && 'frames' in source) {
    yield* decodedClips(source, shape);
    return;
  }
  const end = every === undefined ? 0 : ((await readTimeline(source, reading)).times.at(-1) ?? 0);
  for (let start = 0; start === 0 || start < end; start += every ?? 1) {
    const frames: ImageInput[] = [];
    for await (const frame of decodeFrames(source, { ...reading, start, limit: shape.frames })) {
      frames.push(frame);
    }
    if (frames.length > 0) {
      const audio = await readSound(source, shape, start, reading);
      yield { frames: filled(frames, shape), audio, time: start };
    } else if (start === 0) throw videoError('a video that ffmpeg can decode', 'one without frames');
  }
}

/** As `ffmpeg -ac 1 -ar <rate>` gives it. */
async function readSound(
  source: string | Uint8Array,
  { audioSamples, sampleRate }: ClipShape,
  start: number,
  reading: FfmpegReading,
): Promise<Float32Array> {
  const bytes = new Uint8Array(4 * audioSamples);
  // A second more than needed: converting rates looks ahead.
  const seconds = audioSamples / sampleRate + 1;
  const before = [...(start > 0 ? ['-ss', start.toFixed(6)] : []), '-t', seconds.toFixed(6)];
  const after = ['-map', '0:a:0', '-ac', '1', '-ar', String(sampleRate), '-f', 'f32le'];
  let at = 0;
  try {
    for await (const piece of readVideo(source, { ...reading, before, after })) {
      bytes.set(piece.subarray(0, bytes.length - at), at);
      at = Math.min(bytes.length, at + piece.length);
    }
  } catch (error) {
    const cause = error instanceof EmbedlaneError ? error.cause : undefined;
    if (!(cause instanceof FfmpegError) || cause.reason !== 'no stream') throw error;
  }
  const samples = new Float32Array(bytes.buffer);
  if (!samples.every(Number.isFinite)) throw videoError('finite samples of sound', 'NaN or Infinity');
  return samples;
}

async function* decodedClips({ frames, times, audio }: DecodedVideo, shape: ClipShape): AsyncGenerator<Clip> {
  const sound = audio === undefined ? new Float32Array(0) : await atRate(audio, shape.sampleRate);
  for (let first = 0; first < frames.length; first += shape.frames) {
    const samples = new Float32Array(shape.audioSamples);
    const at = (first / shape.frames) * shape.audioSamples;
    samples.set(sound.subarray(at, at + shape.audioSamples));
    const own = frames.slice(first, first + shape.frames);
    yield { frames: filled(own, shape), audio: samples, time: times[first] };
  }
}

function filled(frames: ImageInput[], { frames: count }: ClipShape): ImageInput[] {
  const last = frames[frames.length - 1];
  return Array.from({ length: count }, (_, i) => frames[i] ?? last);
}

async function atRate(
  { samples, sampleRate }: { samples: Float32Array; sampleRate: number },
  rate: number,
): Promise<Float32Array> {
  if (sampleRate === rate) return samples;
  const resampler = new Resampler(sampleRate, rate);
  return concatFloats([...(await resampler.push(samples)), await resampler.flush()]);
}
