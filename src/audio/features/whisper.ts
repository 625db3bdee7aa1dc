import { availableParallelism } from 'node:os';
import { loadBinding } from '../../native/load.js';
import { hannWindow, type MelFilters, melFilters } from './mel-filters.js';

/** What `preprocessor_config.json` says of a Whisper feature extractor. */
export interface WhisperFeatureConfig {
  /** Mel bands: 80, or 128 for large-v3. */
  mels: number;
  sampleRate: number;
  fftSize: number;
  /** Samples from frame to frame. */
  hop: number;
  /** Samples of a window: 30 s. */
  windowSamples: number;
}

/** Highest frequency of the mel bands in Hz, and least energy, of every Whisper model. */
const MAX_FREQUENCY = 8000;
const FLOOR = 1e-10;

/** Log-mel features of one window of audio. */
export interface WhisperFeatures {
  /** Row-major `[mels, frames]`. */
  values: Float32Array<ArrayBuffer>;
  frames: number;
  /** Leading frames that have samples in them, as the attention mask of the feature extractor has them. */
  validFrames: number;
}

/**
 * `WhisperFeatureExtractor` of transformers, its float64 route: periodic Hann window, mirrored ends, Slaney mel bands,
 * log10, the 8 below the largest value kept, (x + 4) / 4.
 */
export class WhisperFeatureExtractor {
  readonly config: WhisperFeatureConfig;
  readonly #window: Float64Array;
  readonly #filters: MelFilters;

  constructor(config: WhisperFeatureConfig) {
    const { fftSize, sampleRate, mels } = config;
    this.config = config;
    this.#window = hannWindow(fftSize);
    this.#filters = melFilters({
      mels,
      fftSize,
      sampleRate,
      minFrequency: 0,
      maxFrequency: MAX_FREQUENCY,
      scale: 'slaney',
      norm: 'slaney',
    });
  }

  /** @param samples at most a window of them, at `config.sampleRate`; silence follows shorter ones */
  async extract(samples: Float32Array, threads = availableParallelism()): Promise<WhisperFeatures> {
    const { mels, fftSize, hop, windowSamples } = this.config;
    const frames = Math.floor(windowSamples / hop);
    const values = new Float32Array(mels * frames);
    const { starts, counts, weights } = this.#filters;
    const spec = { total: windowSamples, fftSize, hop, frames, floor: FLOOR, whisper: true };
    await loadBinding().logMel(samples, spec, this.#window, starts, counts, weights, threads, values).promise;
    return { values, frames, validFrames: Math.min(frames, Math.ceil(samples.length / hop)) };
  }
}
