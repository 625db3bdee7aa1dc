import type { FfmpegReading } from '../../runtime/ffmpeg.js';
import { readVideo } from './ffmpeg.js';

/** ffmpeg's mark of a packet that is decoded but not shown. */
const DISCARDED = 4;

/** What ffmpeg writes for a time that it does not know: −2⁶³. */
const NO_TIME = -(2 ** 63);

/** The frames of a film. */
export interface Timeline {
  /** When each is shown, in seconds from the beginning of the film, in order. */
  times: Float64Array;
  /**
   * Whether the container says so of every frame. Some know only the order of decoding of some frames (AVI, MPEG program
   * streams), which need not be that of showing: how many frames there are is right then, their times are not.
   */
  exact: boolean;
  /** Time of the frame that comes first in the file. */
  first: number;
}

/**
 * When each frame of a film is shown. Nothing is decoded for it: the container says it of each packet.
 *
 * @throws {EmbedlaneError} `ERR_VIDEO`, `ERR_ABORTED`
 */
export async function readTimeline(source: string | Uint8Array, reading: FfmpegReading): Promise<Timeline> {
  const times = new Float64List();
  let exact = true;
  let first = 0;
  for await (const { time, known } of packets(source, reading, [])) {
    if (times.length === 0) first = time;
    exact &&= known;
    times.push(time);
  }
  return { times: times.values().sort(), exact, first };
}

/** Where in a container the time of the film's {@link Timeline} is 0: by how much ffmpeg moves what does not begin there. */
export async function readOrigin(
  source: string | Uint8Array,
  { first }: Timeline,
  reading: FfmpegReading,
): Promise<number> {
  for await (const { time } of packets(source, reading, ['-copyts', '-frames:v', '1'])) return time - first;
  return 0;
}

async function* packets(
  source: string | Uint8Array,
  reading: FfmpegReading,
  options: readonly string[],
): AsyncGenerator<{ time: number; known: boolean }> {
  const after = ['-map', '0:V:0', '-c', 'copy', ...options, '-f', 'framecrc'];
  const decoder = new TextDecoder();
  let rest = '';
  let unit = 1;
  for await (const bytes of readVideo(source, { ...reading, after })) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n');
    rest = lines.pop() as string;
    for (const line of lines) {
      const base = /^#tb 0: (\d+)\/(\d+)/.exec(line);
      if (base) unit = Number(base[1]) / Number(base[2]);
      if (line.startsWith('#')) continue;
      const [, dts, pts, , , , flags] = line.split(',');
      if (flags?.includes('F=') && Number(flags.trim().slice(2)) & DISCARDED) continue;
      const known = pts.trim() !== 'NOPTS' && Number(pts) > NO_TIME;
      yield { time: Number(known ? pts : dts) * unit, known };
    }
  }
}

/** Numbers in memory that grows: an array of so many would take three times as much. */
class Float64List {
  #data = new Float64Array(1024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    if (this.#length === this.#data.length) {
      const wider = new Float64Array(2 * this.#length);
      wider.set(this.#data);
      this.#data = wider;
    }
    this.#data[this.#length++] = value;
  }

  values(): Float64Array {
    return this.#data.slice(0, this.#length);
  }
}
