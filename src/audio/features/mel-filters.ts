/** Mel bands over frequency bins, without their zeros. */
export interface MelFilters {
  /** First bin of each band. */
  starts: Uint32Array;
  /** Number of bins of each band. */
  counts: Uint32Array;
  /** Weights of all bands, one after the other. */
  weights: Float64Array;
}

export interface MelFilterOptions {
  /** Number of bands. */
  mels: number;
  fftSize: number;
  sampleRate: number;
  /** Lowest and highest frequency, in Hz. */
  minFrequency: number;
  maxFrequency: number;
  /** `'slaney'`: linear below 1 kHz, logarithmic above; `'htk'`: 2595 · log10(1 + f / 700). */
  scale: 'slaney' | 'htk';
  /** `'slaney'`: each band divided by its width, so that all have the same area. */
  norm: 'slaney' | null;
}

/** Triangular mel bands, as `transformers.audio_utils.mel_filter_bank` and `librosa.filters.mel` make them. */
export function melFilters(options: MelFilterOptions): MelFilters {
  const { mels, fftSize, sampleRate, minFrequency, maxFrequency, scale, norm } = options;
  const { toMel, toHertz } = SCALES[scale];
  const [low, high] = [toMel(minFrequency), toMel(maxFrequency)];
  const edges = Array.from({ length: mels + 2 }, (_, i) => toHertz(low + (i * (high - low)) / (mels + 1)));
  const bins = fftSize / 2 + 1;
  const starts = new Uint32Array(mels);
  const counts = new Uint32Array(mels);
  const weights: number[] = [];
  for (let m = 0; m < mels; m++) {
    const [left, center, right] = edges.slice(m, m + 3);
    const height = norm === 'slaney' ? 2 / (right - left) : 1;
    for (let bin = 0; bin < bins; bin++) {
      const frequency = (bin * sampleRate) / fftSize;
      const weight = Math.min((frequency - left) / (center - left), (right - frequency) / (right - center));
      if (weight <= 0) continue;
      if (counts[m] === 0) starts[m] = bin;
      counts[m]++;
      weights.push(weight * height);
    }
  }
  return { starts, counts, weights: Float64Array.from(weights) };
}

/** Periodic Hann window. */
export function hannWindow(size: number): Float64Array {
  return Float64Array.from({ length: size }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size));
}

/** Where the Slaney scale turns from linear (200 / 3 Hz per mel) to logarithmic (27 mels per factor 6.4). */
const BREAK = { hertz: 1000, mel: 15, linear: 200 / 3, step: Math.log(6.4) / 27 };

const SCALES = {
  slaney: {
    toMel: (hertz: number) =>
      hertz < BREAK.hertz ? hertz / BREAK.linear : BREAK.mel + Math.log(hertz / BREAK.hertz) / BREAK.step,
    toHertz: (mel: number) =>
      mel < BREAK.mel ? mel * BREAK.linear : BREAK.hertz * Math.exp((mel - BREAK.mel) * BREAK.step),
  },
  htk: {
    toMel: (hertz: number) => 2595 * Math.log10(1 + hertz / 700),
    toHertz: (mel: number) => 700 * (10 ** (mel / 2595) - 1),
  },
};
