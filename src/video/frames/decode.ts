import { EmbedlaneError } from '../../core/errors.js';
import type { RawImage } from '../../image/index.js';
import type { FfmpegReading, FfmpegTask } from '../../runtime/ffmpeg.js';
import { readVideo, videoError } from './ffmpeg.js';

/** A picture of a film. */
export interface VideoFrame extends RawImage {
  readonly data: Uint8Array<ArrayBuffer>;
  readonly channels: 3;
  /** Seconds from the beginning of the film. */
  readonly time: number;
}

export interface FrameQuery extends FfmpegReading {
  /** Second to begin at; 0 is the beginning. */
  start?: number;
  /** Begins at a key frame before `start`, and gives times as the container has them. */
  loose?: boolean;
  /** A filter of ffmpeg that chooses among the frames. Default: all. */
  filter?: string;
  /** Most frames. */
  limit?: number;
}

/** Most pixels of a frame: four times those of 8K. */
const MAX_PIXELS = 2 ** 27;

/**
 * Decodes frames of a film to RGB, as `ffmpeg -pix_fmt rgb24` does: turned as the film says, colours by swscale's
 * defaults. Holds no more than the frame under way.
 *
 * @throws {EmbedlaneError} `ERR_VIDEO`, `ERR_ABORTED`
 */
export async function* decodeFrames(
  source: string | Uint8Array,
  { start = 0, loose = false, filter, limit, ...reading }: FrameQuery,
): AsyncGenerator<VideoFrame> {
  const log = new FrameLog();
  const before = [
    ...(loose ? ['-noaccurate_seek', '-copyts'] : []),
    ...(start > 0 ? ['-ss', start.toFixed(6)] : []),
  ];
  const after = [
    ...['-map', '0:V:0', '-vf', filter === undefined ? 'showinfo' : `${filter},showinfo`],
    ...(limit === undefined ? [] : ['-frames:v', String(limit)]),
    ...['-f', 'rawvideo', '-pix_fmt', 'rgb24'],
  ];
  const parts = readOnce(source, { ...reading, before, after, onLine: (line) => log.read(line) });
  let frame: Uint8Array<ArrayBuffer> | undefined;
  let filled = 0;
  for await (const bytes of parts) {
    for (let at = 0; at < bytes.length; ) {
      const { width, height } = await log.size();
      frame ??= new Uint8Array(3 * width * height);
      const taken = bytes.subarray(at, at + frame.length - filled);
      frame.set(taken, filled);
      at += taken.length;
      filled += taken.length;
      if (filled < frame.length) continue;
      const time = (loose ? 0 : start) + (await log.next());
      yield { data: frame, width, height, channels: 3, time };
      frame = undefined;
      filled = 0;
    }
  }
}

/** Every frame once: what says so to ffmpeg since 5.1, and before, which knows no other word. */
async function* readOnce(source: string | Uint8Array, task: FfmpegTask): AsyncGenerator<Uint8Array> {
  try {
    yield* readVideo(source, { ...task, after: ['-fps_mode', 'passthrough', ...task.after] });
    return;
  } catch (error) {
    // ffmpeg reads its options before anything else.
    if (!(error instanceof EmbedlaneError && error.message.includes('Option not found'))) throw error;
  }
  yield* readVideo(source, { ...task, after: ['-vsync', 'passthrough', ...task.after] });
}

/** What ffmpeg's `showinfo` says of the frames that are on their way: it comes by another pipe than they do. */
class FrameLog {
  #unit = 1;
  #size: { width: number; height: number } | undefined;
  readonly #times: number[] = [];
  #arrived: () => void = () => {};

  read(line: string): void {
    if (!line.includes('showinfo')) return;
    const base = /config in time_base: (\d+)\/(\d+)/.exec(line);
    if (base) this.#unit = Number(base[1]) / Number(base[2]);
    const found = /\bn: *\d+ pts: *(-?\d+|NOPTS) .* s:(\d+)x(\d+) /.exec(line);
    if (!found) return;
    const pts = Number(found[1]);
    this.#times.push(Number.isNaN(pts) ? 0 : pts * this.#unit);
    // Should a film change its size, ffmpeg scales the rest to the first.
    this.#size ??= { width: Number(found[2]), height: Number(found[3]) };
    this.#arrived();
  }

  async size(): Promise<{ width: number; height: number }> {
    while (!this.#size) await this.#more();
    const { width, height } = this.#size;
    if (width * height > MAX_PIXELS) {
      throw videoError(`frames of at most ${MAX_PIXELS} pixels`, `${width} × ${height}`);
    }
    return this.#size;
  }

  async next(): Promise<number> {
    while (this.#times.length === 0) await this.#more();
    return this.#times.shift() as number;
  }

  /** ffmpeg speaks of a frame before it writes it, so the words are at most a turn of the loop behind. */
  #more(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(videoError('an ffmpeg that describes its frames (showinfo)', 'one that does not')),
        WORDS_PATIENCE,
      );
      this.#arrived = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Milliseconds. */
const WORDS_PATIENCE = 10_000;
