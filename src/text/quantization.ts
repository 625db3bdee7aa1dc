import { arrayTypeOf, Embeddings, type Precision, rowLength } from '../core/embeddings.js';
import { EmbedlaneError, invalidArgument } from '../core/errors.js';
import { Pace } from '../core/pace.js';
import { oneOf } from '../core/validate.js';
import { calibrationRanges, type QuantizationRanges, quantize } from '../vectors/quantize.js';

/** Values that `encode` can return, by the names of sentence-transformers. */
export const ENCODE_PRECISIONS = ['float32', 'int8', 'uint8', 'binary', 'ubinary'] as const;
export type EncodePrecision = (typeof ENCODE_PRECISIONS)[number];

export interface Quantization {
  precision: EncodePrecision;
  ranges: QuantizationRanges | undefined;
}

/** Floats quantised in one go: well below a millisecond. */
const SLICE = 2 ** 18;

/**
 * Checks the options of a call.
 *
 * @param dims width of its rows
 * @returns undefined for plain floats
 * @throws {EmbedlaneError} `ERR_INVALID_ARG` or `ERR_DIMENSION` for ranges that do not fit
 */
export function checkQuantization(
  precision: unknown,
  ranges: QuantizationRanges | undefined,
  dims: number,
): Quantization | undefined {
  const wanted = precision === undefined ? 'float32' : oneOf('precision', precision, ENCODE_PRECISIONS);
  // One row of zeros has all that can be wrong with ranges found at the call, and not after the work.
  if (ranges !== undefined) quantize(new Embeddings(new Float32Array(dims), 1, dims), wanted, { ranges });
  return wanted === 'float32' ? undefined : { precision: wanted, ranges };
}

/** Whether the values that the rows take must be known before the first of them can be quantised. */
function needsRanges({ precision, ranges }: Quantization): boolean {
  return ranges === undefined && (precision === 'int8' || precision === 'uint8');
}

/** Refuses what has too few rows to take ranges from, before they are computed. */
export function checkEnoughRows(quantization: Quantization, rows: number): void {
  if (!needsRanges(quantization) || rows === 0 || rows > 1) return;
  throw new EmbedlaneError(
    'ERR_INVALID_ARG',
    `Expected ranges, or two texts or more to take them from, for precision '${quantization.precision}' but received one text`,
  );
}

/** Refuses to quantise parts of a stream by ranges of their own: they could not be compared with each other. */
export function checkPartQuantization(quantization: Quantization | undefined): void {
  if (quantization && needsRanges(quantization)) {
    throw invalidArgument('ranges', `ranges for precision '${quantization.precision}'`, undefined);
  }
}

/** Quantises slice by slice, so that the event loop turns between. */
export async function quantizeRows(
  embeddings: Embeddings,
  quantization: Quantization,
  signal: AbortSignal | undefined,
): Promise<Embeddings<EncodePrecision>> {
  const { precision } = quantization;
  const { rows, dims } = embeddings;
  const pace = new Pace(signal);
  let { ranges } = quantization;
  if (needsRanges(quantization) && rows > 0) {
    for (const slice of slices(embeddings)) {
      ranges = ranges ? union(ranges, calibrationRanges(slice)) : calibrationRanges(slice);
      if (pace.due) await pace.turn();
    }
  }
  const width = rowLength(precision, dims);
  const data = new (arrayTypeOf<Precision>(precision))(rows * width);
  let row = 0;
  for (const slice of slices(embeddings)) {
    data.set(quantize(slice, precision, ranges && { ranges }).data, row * width);
    row += slice.rows;
    if (pace.due) await pace.turn();
  }
  return new Embeddings<EncodePrecision>(data as Int8Array, rows, dims, precision);
}

/** Consecutive rows; never a single one, unless it is all there is, since ranges need two. */
function* slices({ data, rows, dims }: Embeddings): Generator<Embeddings, void, undefined> {
  const size = Math.max(2, Math.floor(SLICE / Math.max(1, dims)));
  for (let start = 0; start < rows; ) {
    const end = rows - start <= size + 1 ? rows : start + size;
    yield new Embeddings(data.subarray(start * dims, end * dims), end - start, dims);
    start = end;
  }
}

function union(a: QuantizationRanges, b: QuantizationRanges): QuantizationRanges {
  return {
    min: a.min.map((value, d) => Math.min(value, b.min[d])),
    max: a.max.map((value, d) => Math.max(value, b.max[d])),
  };
}
