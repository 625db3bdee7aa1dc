import { invalidArgument } from '../../core/errors.js';
import { finiteNumber, integer, optionsObject } from '../../core/validate.js';
import type { FfmpegReading } from '../../runtime/ffmpeg.js';
import { decodeFrames, type VideoFrame } from './decode.js';
import { videoError } from './ffmpeg.js';
import { readOrigin, readTimeline } from './timeline.js';

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
/** Where looking up leads past a frame, it is tried from so many seconds earlier. */
const SEEK_MARGIN = 5;

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
  const { times, exact } = timeline;
  const n = times.length;
  if (n === 0) return;
  const wanted = new Map<number, number>();
  for (let i = 0; i < count; i++) {
    const index = Math.min(n - 1, Math.floor(((2 * i + 1) * n) / (2 * count)));
    wanted.set(index, (wanted.get(index) ?? 0) + 1);
  }
  let found = 0;
  if (exact && (times[n - 1] - times[0]) / wanted.size > SEEK_GAP) {
    const origin = await readOrigin(source, timeline, reading);
    for (const [index, repeats] of wanted) {
      const frame = await seekFrame(source, times, index, origin, reading);
      // Where seeking misses, the whole film is decoded, from which nothing can be missed.
      if (!frame) break;
      yield { frame, times: repeats };
      found++;
    }
    if (found === wanted.size) return;
  }
  // Frame k is wanted if more of the places lie before its end than before its beginning; whole numbers throughout.
  const before = (k: string) => `ceil((${k}*${2 * count}-${n})/${2 * n})`;
  const filter = `select=gt(${before('(n+1)')}\\,${before('n')})`;
  const repeats = [...wanted.values()];
  let at = 0;
  for await (const frame of decodeFrames(source, { ...reading, filter, limit: wanted.size })) {
    if (at >= found) yield { frame, times: repeats[at] ?? 1 };
    at++;
  }
}

/** @returns undefined if seeking leads somewhere else, as it does in streams without an index */
async function seekFrame(
  source: string | Uint8Array,
  times: Float64Array,
  index: number,
  origin: number,
  reading: FfmpegReading,
): Promise<VideoFrame | undefined> {
  const time = times[index];
  // Half-way from the frame before: times in containers are rounded.
  const begin = index === 0 ? time - 1 : (times[index - 1] + time) / 2;
  const end = index + 1 < times.length ? (time + times[index + 1]) / 2 : Number.POSITIVE_INFINITY;
  const filter = `select=gte(t\\,${(origin + begin).toFixed(6)})`;
  for (const earlier of [0, SEEK_MARGIN]) {
    const query = { ...reading, start: Math.max(0, begin - earlier), loose: true, filter, limit: 1 };
    for await (const frame of decodeFrames(source, query)) {
      if (frame.time - origin < end) return { ...frame, time };
    }
  }
  return undefined;
}
