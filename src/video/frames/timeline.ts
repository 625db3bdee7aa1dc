import type { FfmpegReading } from '../../runtime/ffmpeg.js';
import { readVideo } from './ffmpeg.js';

/** ffmpeg's mark of a packet that is decoded but not shown. */
const DISCARDED = 4;

/**
 * When each frame of a film is shown, in seconds from its beginning, in order. Nothing is decoded for it: the
 * container says it of each packet.
 *
 * @throws {EmbedlaneError} `ERR_VIDEO`, `ERR_ABORTED`
 */
export async function readTimeline(
  source: string | Uint8Array,
  reading: FfmpegReading,
): Promise<Float64Array> {
  const after = ['-map', '0:V:0', '-c', 'copy', '-f', 'framecrc'];
  const times = new Float64List();
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
      // Some containers know only the order of decoding.
      const shown = Number(pts);
      times.push((Number.isNaN(shown) ? Number(dts) : shown) * unit);
    }
  }
  return times.values().sort();
}

/** Numbers in memory that grows: an array of so many would take three times as much. */
class Float64List {
  #data = new Float64Array(1024);
  #length = 0;

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
