import { invalidArgument } from '../../core/errors.js';
import { finiteNumber, integer, optionsObject } from '../../core/validate.js';
import type { FfmpegReading } from '../../runtime/ffmpeg.js';
import { decodeFrames, type VideoFrame } from './decode.js';
import { videoError } from './ffmpeg.js';
import { readTimeline } from './timeline.js';

/**
 * Which frames of a film: `count` spread evenly over it, each from the middle of its part; `fps` a second; or one for
 * each scene, which begins where ffmpeg's scene score, from 0 to 1, is above `scenes`.
 */
export type FrameSampling = { count: number } | { fps: number } | { scenes: number };

const DEFAULT: FrameSampling = { count: 8 };
const MAX_COUNT = 100_000;
const MAX_FPS = 240;

/** Frames further apart, in seconds, are looked up one by one and not decoded up to. */
const SEEK_GAP = 10;

export function checkSampling(value: FrameSampling | undefined): FrameSampling {
  type Given = { count?: number; fps?: number; scenes?: number };
  const given = optionsObject<Given>('frames', (value ?? DEFAULT) as Given, ['count', 'fps', 'scenes']);
  if (Object.keys(given).length !== 1) {
    throw invalidArgument('frames', 'one of { count }, { fps } and { scenes }', value);
  }
  const { count, fps, scenes } = given;
  if (count !== undefined) return { count: integer('frames.count', count, 1, MAX_COUNT) };
  const [name, number, most] =
    fps !== undefined ? (['frames.fps', fps, MAX_FPS] as const) : (['frames.scenes', scenes, 1] as const);
  if (!(finiteNumber(name, number) > 0 && (number as number) <= most)) {
    throw invalidArgument(name, `a number above 0, at most ${most}`, number);
  }
  return fps !== undefined ? { fps } : { scenes: scenes as number };
}

/** Some frames of a film, and how often each counts: a film may have fewer frames than are asked for. */
export interface SampledFrame {
  frame: VideoFrame;
  times: number;
}

/** Decodes the frames that are asked for, in order. @throws {EmbedlaneError} `ERR_VIDEO`, `ERR_ABORTED` */
export async function* sampleFrames(
  source: string | Uint8Array,
  sampling: FrameSampling,
  reading: FfmpegReading,
): AsyncGenerator<SampledFrame> {
  let found = false;
  for await (const sampled of chosen(source, sampling, reading)) {
    found = true;
    yield sampled;
  }
  if (!found) throw videoError('a video that ffmpeg can decode', 'one without frames');
}

async function* chosen(
  source: string | Uint8Array,
  sampling: FrameSampling,
  reading: FfmpegReading,
): AsyncGenerator<SampledFrame> {
  if ('count' in sampling) {
    yield* spreadFrames(source, sampling.count, reading);
    return;
  }
  const filter =
    'fps' in sampling ? `fps=${sampling.fps}` : `select=gt(scene\\,${sampling.scenes})+eq(n\\,0)`;
  let none = true;
  for await (const frame of decodeFrames(source, { ...reading, filter })) {
    none = false;
    yield { frame, times: 1 };
  }
  // The filter rounds: of a film that is shorter than half of the time between two frames it leaves nothing.
  if (!none) return;
  for await (const frame of decodeFrames(source, { ...reading, limit: 1 })) yield { frame, times: 1 };
}

/** Frames number ⌊(i + ½) n / count⌋ of n. */
async function* spreadFrames(
  source: string | Uint8Array,
  count: number,
  reading: FfmpegReading,
): AsyncGenerator<SampledFrame> {
  const timeline = await readTimeline(source, reading);
  const n = timeline.length;
  if (n === 0) return;
  const wanted = new Map<number, number>();
  for (let i = 0; i < count; i++) {
    const index = Math.min(n - 1, Math.floor(((2 * i + 1) * n) / (2 * count)));
    wanted.set(index, (wanted.get(index) ?? 0) + 1);
  }
  if ((timeline[n - 1] - timeline[0]) / wanted.size > SEEK_GAP) {
    for (const [index, times] of wanted) {
      // Half-way from the frame before: times in containers are rounded.
      const start = index === 0 ? 0 : Math.max(0, (timeline[index - 1] + timeline[index]) / 2);
      const frames = decodeFrames(source, { ...reading, start, limit: 1 });
      for await (const frame of frames) yield { frame: { ...frame, time: timeline[index] }, times };
    }
    return;
  }
  // Frame k is wanted if more of the places lie before its end than before its beginning; whole numbers throughout.
  const before = (k: string) => `ceil((${k}*${2 * count}-${n})/${2 * n})`;
  const filter = `select=gt(${before('(n+1)')}\\,${before('n')})`;
  const repeats = wanted.values();
  for await (const frame of decodeFrames(source, { ...reading, filter, limit: wanted.size })) {
    yield { frame, times: repeats.next().value ?? 1 };
  }
}
