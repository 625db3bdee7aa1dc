import { concatFloats } from '../../core/concat.js';
import type { ClapFeatureExtractor } from './clap.js';

/** Spectrograms that a model with fusion takes: of all of the sound, shrunk to one window, and of three parts. */
export const FUSED = 4;

/**
 * The four spectrograms of a sound longer than a window, as `ClapFeatureExtractor._random_mel_fusion` stacks them. The sound
 * comes piece by piece and is not kept.
 *
 * transformers takes the three parts at random, one from each third of the places where a part can begin. Here they are
 * from the middle of each third: one of the results that transformers can give, and always the same.
 */
export class FusedSpectrograms {
  readonly #extractor: ClapFeatureExtractor;
  readonly #threads: number;
  readonly #totalFrames: number;
  /** First frame of each part. */
  readonly #parts: readonly number[];
  /** Row-major `[FUSED, frames, mels]`. */
  readonly #out: Float32Array<ArrayBuffer>;
  /** Frames whose samples reach over an end of what they are computed from. */
  readonly #margin: number;
  #samples = new Float32Array(0);
  /** Frame on whose centre `#samples` begins. */
  #origin = 0;
  /** Next frame to compute. */
  #next = 0;

  /** @param totalSamples of the whole sound, more than a window */
  constructor(extractor: ClapFeatureExtractor, totalSamples: number, threads: number) {
    const { frames, config } = extractor;
    this.#extractor = extractor;
    this.#threads = threads;
    this.#totalFrames = Math.floor(totalSamples / config.hop) + 1;
    this.#parts = middles(this.#totalFrames - frames + 1);
    this.#out = new Float32Array(FUSED * frames * config.mels);
    this.#margin = Math.ceil(config.fftSize / 2 / config.hop);
  }

  async push(samples: Float32Array): Promise<void> {
    const { fftSize, hop } = this.#extractor.config;
    this.#samples = concatFloats([this.#samples, samples]);
    const whole = Math.floor((this.#samples.length - fftSize / 2) / hop) + 1;
    await this.#compute(this.#origin + whole);
  }

  /** @returns row-major `[FUSED, frames, mels]`, after the last sample */
  async end(): Promise<Float32Array<ArrayBuffer>> {
    await this.#compute(this.#totalFrames);
    return this.#out;
  }

  /** Frames up to `end`, exclusive. */
  async #compute(end: number): Promise<void> {
    if (end <= this.#next) return;
    const { mels, hop } = this.#extractor.config;
    const values = await this.#extractor.decibels(this.#samples, end - this.#origin, this.#threads);
    const rows = values.subarray((this.#next - this.#origin) * mels);
    this.#takeParts(rows, this.#next, end);
    this.#shrink(rows, this.#next, end);
    this.#next = end;
    const origin = Math.max(0, end - this.#margin);
    this.#samples = this.#samples.slice((origin - this.#origin) * hop);
    this.#origin = origin;
  }

  #takeParts(rows: Float32Array, first: number, end: number): void {
    const { frames, config } = this.#extractor;
    this.#parts.forEach((part, i) => {
      const from = Math.max(first, part);
      const to = Math.min(end, part + frames);
      if (from >= to) return;
      const at = (i + 1) * frames + from - part;
      this.#out.set(
        rows.subarray((from - first) * config.mels, (to - first) * config.mels),
        at * config.mels,
      );
    });
  }

  /** torch's bilinear interpolation with `align_corners=False`, in float32: of two frames each, however long the sound. */
  #shrink(rows: Float32Array, first: number, end: number): void {
    const { fround } = Math;
    const { frames } = this.#extractor;
    const scale = fround(this.#totalFrames / frames);
    for (let to = 0; to < frames; to++) {
      const place = Math.max(0, fround(fround(scale * fround(to + 0.5)) - 0.5));
      const low = Math.floor(place);
      const weight = fround(place - low);
      this.#add(to, rows, low - first, end - first, fround(1 - weight));
      this.#add(to, rows, Math.min(low + 1, this.#totalFrames - 1) - first, end - first, weight);
    }
  }

  #add(to: number, rows: Float32Array, from: number, count: number, weight: number): void {
    if (from < 0 || from >= count || weight === 0) return;
    const { mels } = this.#extractor.config;
    for (let m = 0; m < mels; m++) this.#out[to * mels + m] += weight * rows[from * mels + m];
  }
}

/** The middle of each third of `count` places, thirds as `numpy.array_split` makes them; 0 for one without places. */
function middles(count: number): number[] {
  let start = 0;
  return [0, 1, 2].map((third) => {
    const size = Math.floor(count / 3) + (third < count % 3 ? 1 : 0);
    const middle = size === 0 ? 0 : start + Math.floor(size / 2);
    start += size;
    return middle;
  });
}
