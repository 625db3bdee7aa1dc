/**
 * Conversions between element types: part of {@link NativeBinding}, with the same bits on every level and in the
 * fallback. Results go into arrays of the caller. Functions that return a number return the first row with a value
 * that is not finite, or -1; then rows from there on are not written.
 */
export interface Conversions {
  /** Rounds to the nearest half (ties to even); beyond the range is infinity, NaN stays NaN. */
  toHalf(dtype: HalfDtype, data: Float32Array, out: Uint16Array): void;
  fromHalf(dtype: HalfDtype, data: Uint16Array, out: Float32Array): void;

  /** Each dimension's smallest values, then its largest ones: `2 × dims` values. Without rows ±Infinity. */
  findRanges(data: Float32Array, dims: number, ranges: Float32Array): number;
  /**
   * sentence-transformers' int8 (Int8Array) and uint8 (Uint8Array): 255 buckets per dimension between the ends of
   * `ranges`, as {@link Conversions.findRanges} gives them; what lies outside is clamped.
   */
  quantizeRanges(data: Float32Array, dims: number, ranges: Float32Array, out: Codes): number;
  /** Each bucket's lower end. */
  dequantizeRanges(codes: Codes, dims: number, ranges: Float32Array, out: Float32Array): void;

  /** Codes in ±127 and per row the scale: a value is about its code times the scale. */
  quantizeScaled(data: Float32Array, dims: number, codes: Int8Array, scales: Float32Array): number;
  dequantizeScaled(codes: Int8Array, dims: number, scales: Float32Array, out: Float32Array): void;

  /**
   * One bit per dimension, set for values above 0, first dimension in the highest bit; rows are whole bytes. An
   * Int8Array gets the bytes minus 128.
   */
  packBits(data: Float32Array, dims: number, out: Codes): number;
  /** 1 or 0 per bit. */
  unpackBits(bits: Codes, dims: number, out: Float32Array): void;
}

/** The two kinds of 16-bit floats, which live in Uint16Arrays. */
export type HalfDtype = 'f16' | 'bf16';

/** Bytes, unsigned as they are or signed and shifted by 128. */
export type Codes = Int8Array | Uint8Array;
