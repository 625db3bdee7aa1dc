import { describe, expect, it } from 'vitest';
import { hannWindow, melFilters } from '#dist/audio/features/mel-filters.js';
import { WhisperFeatureExtractor } from '#dist/audio/features/whisper.js';
import { Resampler } from '#dist/audio/resampler.js';
import { createFallback } from '#dist/native/fallback/index.js';
import { loadBinding } from '#dist/native/load.js';
import { implementations } from '../native/levels.js';
import { Random } from '../native/random.js';
import {
  goldenSounds,
  join,
  largestDifference,
  readDoubles,
  readFloats,
  type SoundGolden,
} from './support.js';

const SPEECH = { sampleRate: 16_000, fftSize: 400, hop: 160, windowSamples: 480_000 };
const random = new Random(5);

describe('mel filters', () => {
  it.each([80, 128])('are those of transformers: %i bands', (mels) => {
    const wanted = readDoubles(`mel_filters_${mels}_f64.bin.gz`);
    const { starts, counts, weights } = melFilters({
      mels,
      fftSize: 400,
      sampleRate: 16_000,
      minFrequency: 0,
      maxFrequency: 8000,
      scale: 'slaney',
      norm: 'slaney',
    });
    const dense = new Float64Array(wanted.length);
    for (let m = 0, w = 0; m < mels; m++) {
      for (let i = 0; i < counts[m]; i++) dense[(starts[m] + i) * mels + m] = weights[w++];
    }
    expect(largestDifference(dense, wanted)).toBeLessThan(1e-15);
  });
});

/** The sounds whose samples at 16 kHz are stored. */
const resampled = goldenSounds.filter(
  (entry): entry is [string, SoundGolden & { resampled_16k: { file: string } }] =>
    Boolean(entry[1].resampled_16k),
);

describe('WhisperFeatureExtractor', () => {
  const extractor = new WhisperFeatureExtractor({ ...SPEECH, mels: 80 });

  it.each(resampled)('gives the features of transformers: %s', async (_, golden) => {
    const features = await extractor.extract(readFloats(golden.resampled_16k.file));
    expect(features.validFrames).toBe(golden.valid_mel_frames);
    expect(largestDifference(features.values, readFloats(golden.mel80.file))).toBeLessThanOrEqual(6e-5);
  });

  it('gives them on every level', async () => {
    const [, golden] = resampled[0];
    const samples = readFloats(golden.resampled_16k.file);
    const wanted = readFloats(golden.mel80.file);
    const window = hannWindow(400);
    const { starts, counts, weights } = melFilters({
      ...{ mels: 80, fftSize: 400, sampleRate: 16_000, minFrequency: 0, maxFrequency: 8000 },
      ...({ scale: 'slaney', norm: 'slaney' } as const),
    });
    const spec = { total: 480_000, fftSize: 400, hop: 160, frames: 3000, floor: 1e-10, whisper: true };
    for (const { name, use } of implementations()) {
      const out = new Float32Array(wanted.length);
      await use().logMel(samples, spec, window, starts, counts, weights, 2, out).promise;
      expect(largestDifference(out, wanted), name).toBeLessThanOrEqual(6e-5);
    }
  });

  it('does not depend on the threads', async () => {
    const samples = random.vector(300_000);
    const [one, five] = [await extractor.extract(samples, 1), await extractor.extract(samples, 5)];
    expect(largestDifference(one.values, five.values)).toBe(0);
  });
});

describe('logMel', () => {
  /** The definition, in double precision and without any trick. */
  function plain(
    samples: Float32Array,
    total: number,
    fftSize: number,
    hop: number,
    frame: number,
  ): Float64Array {
    const at = (i: number) => {
      const index = i < 0 ? -i : i >= total ? 2 * (total - 1) - i : i;
      return samples[index] ?? 0;
    };
    return Float64Array.from({ length: fftSize / 2 + 1 }, (_, bin) => {
      let [re, im] = [0, 0];
      for (let t = 0; t < fftSize; t++) {
        const x = at(frame * hop - fftSize / 2 + t);
        re += x * Math.cos((2 * Math.PI * bin * t) / fftSize);
        im -= x * Math.sin((2 * Math.PI * bin * t) / fftSize);
      }
      return re * re + im * im;
    });
  }

  it.each([
    [8, 3, 40, 40],
    [16, 16, 100, 37],
    [30, 7, 90, 16],
    [60, 11, 61, 61],
    [400, 160, 1000, 700],
    [1024, 480, 3000, 2999],
  ])('is its definition on every level, frames of %i by %i', async (fftSize, hop, total, given) => {
    const samples = random.vector(given);
    const bins = fftSize / 2 + 1;
    const frames = Math.floor(total / hop) + 1;
    // Each bin a band of its own.
    const starts = Uint32Array.from({ length: bins }, (_, i) => i);
    const counts = new Uint32Array(bins).fill(1);
    const window = new Float64Array(fftSize).fill(1);
    const spec = { total, fftSize, hop, frames, floor: 1e-10, whisper: false };
    const results: Float32Array[] = [];
    for (const { use } of implementations()) {
      const out = new Float32Array(bins * frames);
      const weights = new Float64Array(bins).fill(1);
      await use().logMel(samples, spec, window, starts, counts, weights, 2, out).promise;
      results.push(out);
    }
    for (let frame = 0; frame < frames; frame++) {
      const energies = plain(samples, total, fftSize, hop, frame);
      energies.forEach((energy, bin) => {
        const value = results[0][bin * frames + frame];
        // Where terms cancel, nothing but their rounding is left.
        expect(Math.abs(10 ** value - Math.max(energy, 1e-10))).toBeLessThan(1e-6 * Math.max(1, energy));
      });
    }
    for (const other of results.slice(1, -1)) expect(other).toEqual(results[0]);
    expect(largestDifference(results[results.length - 1], results[0])).toBeLessThan(1e-5);
  });

  it('checks what it is given once more', () => {
    const binding = loadBinding();
    const call = (change: object, out = new Float32Array(2 * 5)) =>
      binding.logMel(
        new Float32Array(20),
        { total: 32, fftSize: 16, hop: 8, frames: 5, floor: 1e-10, whisper: false, ...change },
        new Float64Array(16),
        Uint32Array.of(0, 4),
        Uint32Array.of(2, 5),
        new Float64Array(7),
        1,
        out,
      );
    const code = (expected: string) => expect.objectContaining({ code: expected });
    for (const change of [{ fftSize: 14 }, { fftSize: 15 }, { frames: 4 }]) {
      expect(() => call(change)).toThrow(code('ERR_DIMENSION'));
    }
    for (const change of [
      { hop: 0 },
      { total: 8 },
      { total: 19 },
      { floor: 0 },
      { floor: Number.NaN },
      { hop: 9 },
    ]) {
      expect(() => call(change)).toThrow(code('ERR_INVALID_ARG'));
    }
    expect(() => call({}, new Float32Array(9))).toThrow(code('ERR_DIMENSION'));
  });
});

describe('Resampler', () => {
  async function convert(samples: Float32Array, from: number, to: number, piece = samples.length) {
    const resampler = new Resampler(from, to);
    const parts: Float32Array[] = [];
    for (let start = 0; start < samples.length; start += piece) {
      parts.push(...(await resampler.push(samples.subarray(start, start + piece))));
    }
    return join([...parts, await resampler.flush()]);
  }

  const tone = (rate: number, hertz: number, length: number) =>
    Float32Array.from({ length }, (_, i) => Math.sin((2 * Math.PI * hertz * i) / rate));

  it.each([
    [44_100, 16_000, 1000],
    [48_000, 16_000, 7000],
    [8000, 16_000, 3500],
    [11_025, 16_000, 440],
    [44_101, 16_000, 5000],
    [96_000, 44_100, 15_000],
  ])('keeps a tone in its place: %i to %i Hz, %i Hz', async (from, to, hertz) => {
    const out = await convert(tone(from, hertz, from / 4), from, to);
    expect(out.length).toBe(Math.ceil((Math.floor(from / 4) * to) / from));
    const wanted = tone(to, hertz, out.length);
    // At the ends the tone begins and stops, which no filter follows.
    const inner = [out, wanted].map((x) => x.subarray(to / 20, x.length - to / 20));
    expect(largestDifference(inner[0], inner[1])).toBeLessThan(2e-6);
  });

  it('takes away what the lower rate cannot hold', async () => {
    const out = await convert(tone(48_000, 8500, 12_000), 48_000, 16_000);
    expect(Math.max(...out.subarray(400, -400).map(Math.abs))).toBeLessThan(2e-6);
  });

  it('gives the same in pieces of any size', async () => {
    const samples = random.vector(7000);
    const whole = await convert(samples, 44_100, 16_000);
    for (const piece of [999, 6999]) {
      expect(await convert(samples, 44_100, 16_000, piece)).toEqual(whole);
    }
    expect(await convert(samples.subarray(0, 50), 44_100, 16_000, 1)).toEqual(
      await convert(samples.subarray(0, 50), 44_100, 16_000),
    );
    expect(await convert(new Float32Array(0), 44_100, 16_000)).toHaveLength(0);
  });

  it('is the same in TypeScript', async () => {
    const [native, fallback] = [loadBinding(), createFallback()];
    const samples = random.vector(600);
    const bank = random.vector(9 * 24);
    const results = [];
    for (const binding of [native, fallback]) {
      const out = new Float32Array(300);
      const spec = { phases: 8, taps: 24, first: 5, step: 19, denominator: 11 };
      await binding.resample(samples, bank, spec, 2, out).promise;
      results.push(out);
    }
    expect(results[1]).toEqual(results[0]);
    const spec = { phases: 8, taps: 24, first: 0, step: 2, denominator: 1 };
    expect(() => native.resample(samples, bank, spec, 1, new Float32Array(290))).toThrow(
      expect.objectContaining({ code: 'ERR_DIMENSION' }),
    );
  });
});
