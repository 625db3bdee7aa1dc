import type { MelSpec, NativeBinding, NativeTask, ResampleSpec } from '../binding.js';
import { Fft } from './fft.js';
import { dotSum } from './kernels.js';
import { runInSlices } from './slices.js';

/** Frames and outputs computed between two looks at the event loop. */
const FRAMES = 32;
const OUTPUTS = 2048;

/** The addon's audio functions, native/audio/, with the same operations. */
export const audio: Pick<NativeBinding, 'logMel' | 'resample'> = {
  logMel,
  resample,
};

function logMel(
  samples: Float32Array,
  spec: MelSpec,
  window: Float64Array,
  starts: Uint32Array,
  counts: Uint32Array,
  weights: Float64Array,
  _threads: number,
  out: Float32Array,
): NativeTask {
  const { total, fftSize, hop, frames, floor, whisper } = spec;
  const fft = new Fft(fftSize);
  const windowed = new Float64Array(fftSize);
  return runInSlices(steps());

  function* steps(): Generator<undefined, void> {
    for (let frame = 0; frame < frames; frame++) {
      const from = frame * hop - fftSize / 2;
      for (let t = 0; t < fftSize; t++) windowed[t] = sample(from + t) * window[t];
      const energies = fft.energies(windowed);
      for (let m = 0, w = 0; m < starts.length; m++) {
        let sum = 0;
        for (let i = 0; i < counts[m]; i++) sum += energies[starts[m] + i] * weights[w++];
        out[m * frames + frame] = log10(sum > floor ? sum : floor);
      }
      if ((frame + 1) % FRAMES === 0) yield;
    }
    if (whisper) whisperScale(out);
  }

  function sample(at: number): number {
    const last = total - 1;
    let index = at < 0 ? -at : at;
    if (index > last) index = 2 * last - index;
    return index >= 0 && index < samples.length ? samples[index] : 0;
  }
}

const LOG10_OF_2 = 0.3010299956639812;
const TWO_OVER_LN10 = 0.8685889638065036;
const number = new Float64Array(1);
const words = new Uint32Array(number.buffer);

/** log10 of a positive normal number; see native/audio/frames-inl.h. All of Node's platforms are little-endian. */
function log10(x: number): number {
  number[0] = x;
  let exponent = (words[1] >>> 20) - 1023;
  words[1] = (words[1] & 0x000fffff) | 0x3ff00000;
  let mantissa = number[0];
  if (mantissa > Math.SQRT2) {
    mantissa *= 0.5;
    exponent++;
  }
  const s = (mantissa - 1) / (mantissa + 1);
  const z = s * s;
  let sum = 1 / 15;
  for (let odd = 13; odd >= 1; odd -= 2) sum = sum * z + 1 / odd;
  return exponent * LOG10_OF_2 + s * sum * TWO_OVER_LN10;
}

function whisperScale(values: Float32Array): void {
  const { fround } = Math;
  let most = values[0];
  for (const value of values) if (value > most) most = value;
  const least = fround(most - 8);
  for (let i = 0; i < values.length; i++) values[i] = fround(Math.max(values[i], least) + 4) / 4;
}

function resample(
  samples: Float32Array,
  bank: Float32Array,
  { phases, taps, first, step, denominator }: ResampleSpec,
  _threads: number,
  out: Float32Array,
): NativeTask {
  return runInSlices(steps());

  function* steps(): Generator<undefined, void> {
    for (let n = 0; n < out.length; n++) {
      const position = first + n * step;
      const from = Math.floor(position / denominator);
      const between = (position % denominator) * phases;
      const rest = between % denominator;
      const filter = ((between - rest) / denominator) * taps;
      let value = dotSum(samples, from, bank, filter, taps);
      if (rest !== 0)
        value += (dotSum(samples, from, bank, filter + taps, taps) - value) * (rest / denominator);
      out[n] = value;
      if ((n + 1) % OUTPUTS === 0) yield;
    }
  }
}
