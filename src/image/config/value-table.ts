/** How bytes become a network's input. */
export interface ValueSteps {
  /** Multiplied with the byte first; undefined without rescaling. */
  factor: number | undefined;
  /** Subtract 1 after rescaling (EfficientNet's `rescale_offset`). */
  offset: boolean;
  /** Undefined without normalisation. */
  mean: readonly number[] | undefined;
  std: readonly number[] | undefined;
  /** Divide by `std` once more, also where nothing was normalised before. */
  again: boolean;
}

/**
 * What each byte becomes in each channel, `[3, 256]`, in transformers' arithmetic: the rescaling in double
 * precision rounded to single, subtraction and division in single precision.
 */
export function valueTable({ factor, offset, mean, std, again }: ValueSteps): Float32Array {
  const table = new Float32Array(3 * 256);
  for (let c = 0; c < 3; c++) {
    for (let byte = 0; byte < 256; byte++) {
      let value = factor === undefined ? byte : Math.fround(byte * factor);
      if (offset && factor !== undefined) value = Math.fround(value - 1);
      // A quotient of two singles rounded twice is the quotient rounded once.
      if (mean && std) value = Math.fround(Math.fround(value - Math.fround(mean[c])) / Math.fround(std[c]));
      if (again && std) value = Math.fround(value / Math.fround(std[c]));
      table[256 * c + byte] = value;
    }
  }
  return table;
}
