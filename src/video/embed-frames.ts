import { concatFloats } from '../core/concat.js';
import type { ImageInput } from '../image/index.js';
import type { FfmpegReading } from '../runtime/ffmpeg.js';
import type { FrameModel } from './frame-model.js';
import { sampleFrames } from './frames/sampling.js';
import type { VideoPlan, VideoSource } from './options.js';
import type { FrameRows } from './pool-frames.js';

/** Bytes of frames that wait for the model, and most of them. */
const WINDOW = { bytes: 64 * 2 ** 20, frames: 32 };

/** Embeds the frames of one film while ffmpeg decodes the next ones. */
export async function embedFrames(
  model: FrameModel,
  source: VideoSource,
  { frames: sampling }: VideoPlan,
  reading: FfmpegReading,
): Promise<FrameRows> {
  const times: number[] = [];
  const counts: number[] = [];
  const parts: Float32Array[] = [];
  const pictures = chosenFrames();
  const first = await pictures.next();
  try {
    const window = first.done ? 1 : windowFor(first.value);
    for await (const part of model.encodeFrames(all(), { window, signal: reading.signal })) {
      parts.push(part.data as Float32Array);
    }
  } finally {
    // A model that refuses to begin leaves the film open otherwise.
    await pictures.return(undefined);
  }
  const dims = model.dimensions;
  return { data: concatFloats(parts), dims, times, counts };

  async function* all(): AsyncGenerator<ImageInput> {
    if (!first.done) yield first.value;
    yield* pictures;
  }

  async function* chosenFrames(): AsyncGenerator<ImageInput> {
    if (typeof source === 'object' && 'frames' in source) {
      times.push(...source.times);
      counts.push(...source.times.map(() => 1));
      yield* source.frames;
      return;
    }
    for await (const { frame, times: count } of sampleFrames(source, sampling, reading)) {
      times.push(frame.time);
      counts.push(count);
      yield frame;
    }
  }
}

function windowFor(picture: ImageInput): number {
  const bytes = typeof picture === 'object' && 'data' in picture ? picture.data.length : 0;
  return bytes === 0 ? WINDOW.frames : Math.max(1, Math.min(WINDOW.frames, Math.floor(WINDOW.bytes / bytes)));
}
