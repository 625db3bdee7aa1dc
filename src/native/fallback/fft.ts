const SIN60 = 0.8660254037844386;
const COS72 = 0.30901699437494745;
const SIN72 = 0.9510565162951535;
const COS144 = -0.8090169943749475;
const SIN144 = 0.5877852522924731;

type Buffers = [re: Float64Array, im: Float64Array];

type Radix = 2 | 3 | 4 | 5;

interface Pass {
  radix: Radix;
  /** (radix − 1) × (cosine, sine) for each butterfly. */
  twiddles: Float64Array;
}

/** The real Fourier transform of native/audio/frames-inl.h, operation by operation, for one frame. */
export class Fft {
  readonly #half: number;
  readonly #passes: Pass[] = [];
  readonly #split: Float64Array;
  #data: Buffers;
  #other: Buffers;
  readonly #energies: Float64Array;

  /** @param size even, without a prime factor above 5 */
  constructor(size: number) {
    this.#half = size / 2;
    let length = this.#half;
    for (const radix of factors(length)) {
      const twiddles: number[] = [];
      for (let p = 0; p < length / radix; p++) {
        for (let k = 1; k < radix; k++) {
          const angle = (-2 * Math.PI * (p * k)) / length;
          twiddles.push(Math.cos(angle), Math.sin(angle));
        }
      }
      this.#passes.push({ radix, twiddles: Float64Array.from(twiddles) });
      length /= radix;
    }
    this.#split = Float64Array.from({ length: size + 2 }, (_, i) => {
      const k = i >> 1;
      // The second half mirrors the first, exactly.
      const angle = (-2 * Math.PI * Math.min(k, this.#half - k)) / size;
      if (i % 2 === 1) return Math.sin(angle);
      return k <= this.#half / 2 ? Math.cos(angle) : -Math.cos(angle);
    });
    const buffers = (): Buffers => [new Float64Array(this.#half), new Float64Array(this.#half)];
    this.#data = buffers();
    this.#other = buffers();
    this.#energies = new Float64Array(this.#half + 1);
  }

  /** Energies of the bins 0 … size / 2. Valid until the next call. */
  energies(signal: Float64Array): Float64Array {
    const half = this.#half;
    for (let k = 0; k < half; k++) {
      this.#data[0][k] = signal[2 * k];
      this.#data[1][k] = signal[2 * k + 1];
    }
    this.#transform();
    const [re, im] = this.#data;
    for (let k = 0; k <= half; k++) {
      const a = k === half ? 0 : k;
      const b = k === 0 ? 0 : half - k;
      const evenRe = (re[a] + re[b]) * 0.5;
      const evenIm = (im[a] - im[b]) * 0.5;
      const oddRe = (im[a] + im[b]) * 0.5;
      const oddIm = (re[b] - re[a]) * 0.5;
      const cosine = this.#split[2 * k];
      const sine = this.#split[2 * k + 1];
      const binRe = evenRe + (oddRe * cosine - oddIm * sine);
      const binIm = evenIm + (oddRe * sine + oddIm * cosine);
      this.#energies[k] = binRe * binRe + binIm * binIm;
    }
    return this.#energies;
  }

  #transform(): void {
    let length = this.#half;
    let stride = 1;
    for (const { radix, twiddles } of this.#passes) {
      const m = length / radix;
      const re = new Float64Array(radix);
      const im = new Float64Array(radix);
      for (let p = 0; p < m; p++) {
        for (let q = 0; q < stride; q++) {
          for (let j = 0; j < radix; j++) {
            const at = q + stride * (p + m * j);
            re[j] = this.#data[0][at];
            im[j] = this.#data[1][at];
          }
          butterflies[radix](re, im);
          for (let k = 0; k < radix; k++) {
            const at = q + stride * (radix * p + k);
            const t = 2 * (p * (radix - 1) + k - 1);
            this.#other[0][at] = k === 0 ? re[0] : re[k] * twiddles[t] - im[k] * twiddles[t + 1];
            this.#other[1][at] = k === 0 ? im[0] : re[k] * twiddles[t + 1] + im[k] * twiddles[t];
          }
        }
      }
      [this.#data, this.#other] = [this.#other, this.#data];
      length = m;
      stride *= radix;
    }
  }
}

/** Fours first: they take the fewest operations. */
function factors(size: number): Radix[] {
  const found: Radix[] = [];
  let rest = size;
  for (const radix of [4, 2, 5, 3] as const) {
    for (; rest % radix === 0; rest /= radix) found.push(radix);
  }
  return found;
}

/** Discrete Fourier transforms of as many values as the radix says, in place. */
const butterflies = { 2: butterfly2, 3: butterfly3, 4: butterfly4, 5: butterfly5 };

function butterfly2(re: Float64Array, im: Float64Array): void {
  const [r, i] = [re[0] + re[1], im[0] + im[1]];
  re[1] = re[0] - re[1];
  im[1] = im[0] - im[1];
  re[0] = r;
  im[0] = i;
}

function butterfly3(re: Float64Array, im: Float64Array): void {
  const sumRe = re[1] + re[2];
  const sumIm = im[1] + im[2];
  const sideRe = (im[1] - im[2]) * SIN60;
  const sideIm = (0 - (re[1] - re[2])) * SIN60;
  const middleRe = re[0] - sumRe * 0.5;
  const middleIm = im[0] - sumIm * 0.5;
  re[0] += sumRe;
  im[0] += sumIm;
  re[1] = middleRe + sideRe;
  im[1] = middleIm + sideIm;
  re[2] = middleRe - sideRe;
  im[2] = middleIm - sideIm;
}

function butterfly4(re: Float64Array, im: Float64Array): void {
  const evenRe = re[0] + re[2];
  const evenIm = im[0] + im[2];
  const oddRe = re[1] + re[3];
  const oddIm = im[1] + im[3];
  const evenDifferenceRe = re[0] - re[2];
  const evenDifferenceIm = im[0] - im[2];
  const oddDifferenceRe = im[1] - im[3];
  const oddDifferenceIm = 0 - (re[1] - re[3]);
  re[0] = evenRe + oddRe;
  im[0] = evenIm + oddIm;
  re[1] = evenDifferenceRe + oddDifferenceRe;
  im[1] = evenDifferenceIm + oddDifferenceIm;
  re[2] = evenRe - oddRe;
  im[2] = evenIm - oddIm;
  re[3] = evenDifferenceRe - oddDifferenceRe;
  im[3] = evenDifferenceIm - oddDifferenceIm;
}

function butterfly5(re: Float64Array, im: Float64Array): void {
  const sum1Re = re[1] + re[4];
  const sum1Im = im[1] + im[4];
  const sum2Re = re[2] + re[3];
  const sum2Im = im[2] + im[3];
  const difference1Re = im[1] - im[4];
  const difference1Im = 0 - (re[1] - re[4]);
  const difference2Re = im[2] - im[3];
  const difference2Im = 0 - (re[2] - re[3]);
  const middle1Re = re[0] + sum1Re * COS72 + sum2Re * COS144;
  const middle1Im = im[0] + sum1Im * COS72 + sum2Im * COS144;
  const middle2Re = re[0] + sum1Re * COS144 + sum2Re * COS72;
  const middle2Im = im[0] + sum1Im * COS144 + sum2Im * COS72;
  const side1Re = difference1Re * SIN72 + difference2Re * SIN144;
  const side1Im = difference1Im * SIN72 + difference2Im * SIN144;
  const side2Re = difference1Re * SIN144 - difference2Re * SIN72;
  const side2Im = difference1Im * SIN144 - difference2Im * SIN72;
  re[0] = re[0] + sum1Re + sum2Re;
  im[0] = im[0] + sum1Im + sum2Im;
  re[1] = middle1Re + side1Re;
  im[1] = middle1Im + side1Im;
  re[2] = middle2Re + side2Re;
  im[2] = middle2Im + side2Im;
  re[3] = middle2Re - side2Re;
  im[3] = middle2Im - side2Im;
  re[4] = middle1Re - side1Re;
  im[4] = middle1Im - side1Im;
}
