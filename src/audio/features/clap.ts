import { availableParallelism } from 'node:os';
import { loadBinding } from '../../native/load.js';
import { hannWindow, type MelFilters, melFilters } from './mel-filters.js';

/** What `preprocessor_config.json` says of a CLAP feature extractor. */
export interface ClapFeatureConfig {
  /** Mel bands. */
  mels: number;
  sampleRate: number;
  fftSize: number;
  /** Samples from frame to frame. */
  hop: number;
  /** Samples of a window: 10 s. */
  windowSamples: number;
  /** Lowest and highest frequency of the mel bands in Hz. */
  minFrequency: number;
  maxFrequency: number;
  /** How sounds shorter than a window fill it: repeated as often as they fit whole, or until it is full, or once. */
  padding: 'repeatpad' | 'repeat' | 'pad';
  /** Whether the model takes four spectrograms of a sound, among them one of all of a long one. */
  fusion: boolean;
}

/** Least energy; −100 dB. */
const FLOOR = 1e-10;

/**
 * `ClapFeatureExtractor` of transformers: mel bands of the energies, in decibels. The bands are Slaney's, or HTK's for
 * models with fusion.
 */
export class ClapFeatureExtractor {
  readonly config: ClapFeatureConfig;
  readonly #window: Float64Array;
  readonly #filters: MelFilters;

  constructor(config: ClapFeatureConfig) {
    const { fftSize, sampleRate, mels, minFrequency, maxFrequency, fusion } = config;
    this.config = config;
    this.#window = hannWindow(fftSize);
    this.#filters = melFilters({
      mels,
      fftSize,
      sampleRate,
      minFrequency,
      maxFrequency,
      ...(fusion ? ({ scale: 'htk', norm: null } as const) : ({ scale: 'slaney', norm: 'slaney' } as const)),
    });
  }

  /** Frames of a window. */
  get frames(): number {
    return Math.floor(this.config.windowSamples / this.config.hop) + 1;
  }

  /**
   * @param samples at most a window of them, at `config.sampleRate`
   * @returns row-major `[frames, mels]`, in decibels
   */
  extract(samples: Float32Array, threads = availableParallelism()): Promise<Float32Array<ArrayBuffer>> {
    return this.#decibels(this.#fill(samples), this.config.windowSamples, this.frames, threads);
  }

  /**
   * @param samples any number of them, mirrored at both ends
   * @param frames the first so many
   * @returns row-major `[frames, mels]`, in decibels
   */
  decibels(samples: Float32Array, frames: number, threads: number): Promise<Float32Array<ArrayBuffer>> {
    return this.#decibels(samples, samples.length, frames, threads);
  }

  async #decibels(samples: Float32Array, total: number, frames: number, threads: number) {
    const { mels, fftSize, hop } = this.config;
    const { starts, counts, weights } = this.#filters;
    const bands = new Float32Array(mels * frames);
    const spec = { total, fftSize, hop, frames, floor: FLOOR, whisper: false };
    await loadBinding().logMel(samples, spec, this.#window, starts, counts, weights, threads, bands).promise;
    const values = new Float32Array(mels * frames);
    for (let m = 0; m < mels; m++) {
      for (let frame = 0; frame < frames; frame++) values[frame * mels + m] = 10 * bands[m * frames + frame];
    }
    return values;
  }

  /** Zeros follow what is not filled. */
  #fill(samples: Float32Array): Float32Array {
    const { windowSamples, padding } = this.config;
    if (padding === 'pad' || samples.length >= windowSamples) return samples;
    const whole = Math.floor(windowSamples / samples.length) * samples.length;
    const filled = new Float32Array(padding === 'repeat' ? windowSamples : whole);
    for (let at = 0; at < filled.length; at += samples.length) {
      filled.set(samples.subarray(0, filled.length - at), at);
    }
    return filled;
  }
}
