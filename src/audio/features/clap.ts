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
}

/** Least energy; −100 dB. */
const FLOOR = 1e-10;

/**
 * `ClapFeatureExtractor` of transformers with the truncation `rand_trunc`, for sounds that fit a window: Slaney mel
 * bands of the energies, in decibels.
 */
export class ClapFeatureExtractor {
  readonly config: ClapFeatureConfig;
  readonly #window: Float64Array;
  readonly #filters: MelFilters;

  constructor(config: ClapFeatureConfig) {
    const { fftSize, sampleRate, mels, minFrequency, maxFrequency } = config;
    this.config = config;
    this.#window = hannWindow(fftSize);
    this.#filters = melFilters({
      ...{ mels, fftSize, sampleRate, minFrequency, maxFrequency },
      scale: 'slaney',
      norm: 'slaney',
    });
  }

  get frames(): number {
    return Math.floor(this.config.windowSamples / this.config.hop) + 1;
  }

  /**
   * @param samples at most a window of them, at `config.sampleRate`
   * @returns row-major `[frames, mels]`, in decibels
   */
  async extract(samples: Float32Array, threads = availableParallelism()): Promise<Float32Array<ArrayBuffer>> {
    const { frames } = this;
    const { mels, fftSize, hop, windowSamples } = this.config;
    const { starts, counts, weights } = this.#filters;
    const bands = new Float32Array(mels * frames);
    const spec = { total: windowSamples, fftSize, hop, frames, floor: FLOOR };
    const filled = this.#fill(samples);
    await loadBinding().logMel(filled, spec, this.#window, starts, counts, weights, threads, bands).promise;
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
