import type { MonoPcm } from './decode/pcm.js';
import { Resampler } from './resampler.js';

/** A window of audio at the model's rate. */
export interface AudioWindow {
  samples: Float32Array;
  /** Seconds from the beginning of the audio. */
  start: number;
  end: number;
}

export interface WindowOptions {
  /** Rate of the windows in Hz. */
  sampleRate: number;
  /** Samples of a full window; the last one may have fewer. */
  size: number;
  /** Samples that a window shares with the one before it. */
  overlap: number;
  /** Samples of the audio that count, at the windows' rate. */
  most: number;
}

/**
 * Cuts audio that arrives piece by piece into windows at one rate, holding no more than one of them. Audio after the
 * last window that would bring nothing but overlap is left out.
 */
export class WindowCutter {
  readonly #options: WindowOptions;
  readonly #window: Float32Array;
  #resampler: Resampler | undefined;
  #filled = 0;
  #start = 0;
  #left: number;
  /** Whether the window has samples that no window before it had. */
  #fresh = false;

  constructor(options: WindowOptions) {
    this.#options = options;
    this.#window = new Float32Array(options.size);
    this.#left = options.most;
  }

  /** Whether all that counts has come. */
  get full(): boolean {
    return this.#left === 0;
  }

  /** @returns the windows that this piece completes; all pieces have the same rate */
  async *push({ samples, sampleRate }: MonoPcm): AsyncGenerator<AudioWindow> {
    if (sampleRate === this.#options.sampleRate) {
      yield* this.#take(samples);
      return;
    }
    this.#resampler ??= new Resampler(sampleRate, this.#options.sampleRate);
    for (const part of await this.#resampler.push(samples)) yield* this.#take(part);
  }

  /** The rest, after the last piece. */
  async *end(): AsyncGenerator<AudioWindow> {
    if (this.#resampler && !this.full) yield* this.#take(await this.#resampler.flush());
    if (this.#fresh) yield this.#emit();
  }

  *#take(samples: Float32Array): Generator<AudioWindow> {
    let part = samples.subarray(0, this.#left);
    this.#left -= part.length;
    while (part.length > 0) {
      const taken = part.subarray(0, this.#options.size - this.#filled);
      this.#window.set(taken, this.#filled);
      this.#filled += taken.length;
      this.#fresh = true;
      part = part.subarray(taken.length);
      if (this.#filled === this.#options.size) yield this.#emit();
    }
  }

  #emit(): AudioWindow {
    const { sampleRate, overlap } = this.#options;
    const [start, end] = [this.#start, this.#start + this.#filled];
    const samples = this.#window.slice(0, this.#filled);
    this.#window.copyWithin(0, this.#filled - overlap, this.#filled);
    this.#start = end - overlap;
    this.#filled = overlap;
    this.#fresh = false;
    return { samples, start: start / sampleRate, end: end / sampleRate };
  }
}

/** {@link WindowCutter} for audio that is pulled. */
export async function* audioWindows(
  pieces: AsyncIterable<MonoPcm>,
  options: WindowOptions,
): AsyncGenerator<AudioWindow> {
  const cutter = new WindowCutter(options);
  for await (const piece of pieces) {
    yield* cutter.push(piece);
    if (cutter.full) break;
  }
  yield* cutter.end();
}
