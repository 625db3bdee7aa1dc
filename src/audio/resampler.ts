import { loadBinding } from '../native/load.js';

/** soxr's HQ recipe: 20 bits of precision, the pass band up to 0.913 of the lower Nyquist frequency. */
const REJECTION = 20 * 20 * Math.log10(2);
const PASS = 1 - 0.05 / ((1.6e-6 * REJECTION - 7.5e-4) * REJECTION + 0.646);
/** Filters beyond this many are interpolated between neighbours, 130 dB below the signal. */
const MAX_PHASES = 2048;
/** Input samples per native call: keeps positions within 32 bits. */
const CHUNK = 32_768;
/** Weights of the banks that are kept, 64 MB: one for an odd rate has up to 18 million. */
const MAX_KEPT = 2 ** 24;

/** A bank of low-pass filters for the places between two input samples, `[phases + 1, taps]`. */
interface FilterBank {
  phases: number;
  taps: number;
  filters: Float32Array;
}

/** Changes the rate of a signal that arrives piece by piece, as soxr's HQ does: linear phase, no delay. */
export class Resampler {
  readonly #up: number;
  readonly #down: number;
  readonly #bank: FilterBank;
  /** Input from `taps / 2 − 1` samples before the next output's place. */
  #buffer: Float32Array;
  /** Place of the next output after the buffer's first place, in 1 / up of an input sample. */
  #next = 0;
  #received = 0;
  #produced = 0;

  /** @param from rate of the input in Hz, @param to rate of the output in Hz, both integers */
  constructor(from: number, to: number) {
    const divisor = gcd(from, to);
    this.#up = to / divisor;
    this.#down = from / divisor;
    this.#bank = filterBank(from, to, this.#up);
    this.#buffer = new Float32Array(this.#bank.taps / 2 - 1);
  }

  /** @returns what can be computed so far */
  async push(samples: Float32Array): Promise<Float32Array[]> {
    this.#received += samples.length;
    const out: Float32Array[] = [];
    for (let start = 0; start < samples.length; start += CHUNK) {
      out.push(await this.#feed(samples.subarray(start, start + CHUNK)));
    }
    return out;
  }

  /** The rest, after the last input: ⌈samples · to / from⌉ outputs in all. */
  async flush(): Promise<Float32Array> {
    const total = Math.ceil((this.#received * this.#up) / this.#down);
    const rest = total - this.#produced;
    const out = await this.#feed(new Float32Array(this.#bank.taps));
    return out.subarray(0, rest);
  }

  async #feed(samples: Float32Array): Promise<Float32Array> {
    const { phases, taps, filters } = this.#bank;
    const buffer = new Float32Array(this.#buffer.length + samples.length);
    buffer.set(this.#buffer);
    buffer.set(samples, this.#buffer.length);
    // The last place whose filter ends within the buffer.
    const last = buffer.length - taps;
    const count =
      last < 0 ? 0 : Math.max(0, Math.floor(((last + 1) * this.#up - 1 - this.#next) / this.#down) + 1);
    const out = new Float32Array(count);
    if (count > 0) {
      const spec = { phases, taps, first: this.#next, step: this.#down, denominator: this.#up };
      await loadBinding().resample(buffer, filters, spec, 1, out).promise;
    }
    this.#produced += count;
    this.#next += count * this.#down;
    const passed = Math.min(Math.floor(this.#next / this.#up), buffer.length);
    this.#next -= passed * this.#up;
    this.#buffer = buffer.slice(passed);
    return out;
  }
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

const banks = new Map<string, FilterBank>();

/** Kaiser-windowed sinc filters (J. F. Kaiser 1974), each with a sum of 1. */
function filterBank(from: number, to: number, up: number): FilterBank {
  const key = `${from}/${to}`;
  const known = banks.get(key);
  if (known) return known;
  // Frequencies in cycles per input sample.
  const nyquist = Math.min(from, to) / from / 2;
  const cutoff = (nyquist * (PASS + 1)) / 2;
  const transition = nyquist * (1 - PASS);
  const beta = 0.1102 * (REJECTION - 8.7);
  const half = Math.ceil((REJECTION - 7.95) / (2.285 * 2 * Math.PI * transition) / 2) + 1;
  const taps = 2 * half;
  const phases = Math.min(up, MAX_PHASES);
  const filters = new Float32Array((phases + 1) * taps);
  const row = new Float64Array(taps);
  const scale = bessel(beta);
  for (let phase = 0; phase <= phases; phase++) {
    let sum = 0;
    for (let j = 0; j < taps; j++) {
      const t = half - 1 - j + phase / phases;
      const x = t / half;
      row[j] = Math.abs(x) > 1 ? 0 : sinc(2 * cutoff * t) * (bessel(beta * Math.sqrt(1 - x * x)) / scale);
      sum += row[j];
    }
    for (let j = 0; j < taps; j++) filters[phase * taps + j] = row[j] / sum;
  }
  const bank = { phases, taps, filters };
  // Rates are few; a caller with a new one per file must not fill the lane's memory.
  const kept = [...banks.values()].reduce((sum, { filters }) => sum + filters.length, 0);
  if (kept + bank.filters.length > MAX_KEPT) banks.clear();
  banks.set(key, bank);
  return bank;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/** Modified Bessel function of the first kind, order 0, by its power series. */
function bessel(x: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > 1e-17 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}
