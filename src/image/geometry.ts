import { EmbedlaneError } from '../core/errors.js';
import type { ResizeAxis, ResizeGeometry } from '../native/image-binding.js';
import type { Preprocessing, TargetSize } from './config/preprocessor.js';

/** Most pixels of a network's input; what is larger comes from a picture that is a line. */
const MAX_INPUT_PIXELS = 2 ** 26;
/** Longest side after resizing: as a line of 65,535 pixels has that is made 1024 thick. Pillow counts such a side out. */
const MAX_RESIZED_SIDE = 2 ** 26;

/**
 * Where each pixel of a network's input comes from, in transformers' arithmetic.
 *
 * @throws {EmbedlaneError} `ERR_IMAGE` if the picture's shape would make the input, or what it is cut out of, huge
 */
export function inputGeometry(
  { squarePad, resize, crop, filter }: Preprocessing,
  width: number,
  height: number,
  heightFirst: boolean,
): ResizeGeometry {
  const side = Math.max(width, height);
  const canvas = squarePad ? { width: side, height: side } : { width, height };
  const resized = resize === undefined ? canvas : targetSize(resize, canvas.width, canvas.height);
  if (Math.max(resized.width, resized.height) > MAX_RESIZED_SIDE) {
    throw new EmbedlaneError(
      'ERR_IMAGE',
      `Expected a picture whose sides have at most ${MAX_RESIZED_SIDE} pixels after resizing but received one of ${width} × ${height}, which becomes ${resized.width} × ${resized.height}`,
    );
  }
  const window = crop ?? resized;
  if (window.width * window.height > MAX_INPUT_PIXELS) {
    throw new EmbedlaneError(
      'ERR_IMAGE',
      `Expected a picture whose model input has at most ${MAX_INPUT_PIXELS} pixels but received one of ${width} × ${height}`,
    );
  }
  return {
    x: axis(width, canvas.width, resized.width, window.width),
    y: axis(height, canvas.height, resized.height, window.height),
    filter,
    heightFirst,
  };
}

function axis(image: number, canvas: number, resized: number, window: number): ResizeAxis {
  return {
    image,
    canvas,
    offset: Math.floor((canvas - image) / 2),
    resized,
    windowStart: windowStart(resized, window),
    window,
  };
}

/** transformers' center_crop: where the picture is smaller than the crop, it is padded first. */
function windowStart(resized: number, window: number): number {
  if (resized >= window) return Math.floor((resized - window) / 2);
  return -Math.ceil((window - resized) / 2);
}

function targetSize(size: TargetSize, width: number, height: number): { width: number; height: number } {
  if (size.kind === 'exact') return size;
  const [short, long] = width <= height ? [width, height] : [height, width];
  if (size.kind === 'shortest' && size.longest !== undefined) {
    return limitedSize(size.edge, size.longest, width, height);
  }
  let newShort: number;
  let newLong: number;
  if (size.kind === 'longest') {
    newLong = size.edge;
    newShort = Math.max(1, Math.trunc((size.edge * short) / long));
  } else {
    newShort = size.edge;
    newLong = Math.trunc((size.edge * long) / short);
  }
  return width <= height ? { width: newShort, height: newLong } : { width: newLong, height: newShort };
}

/** transformers' get_size_with_aspect_ratio: the shorter side, where it is limited, is rounded before the longer is cut. */
function limitedSize(edge: number, longest: number, width: number, height: number) {
  const [short, long] = width <= height ? [width, height] : [height, width];
  let newShort = edge;
  let exactShort = edge;
  if ((long / short) * edge > longest) {
    exactShort = (longest * short) / long;
    newShort = Math.max(1, roundHalfToEven(exactShort));
  }
  if (short === newShort) return { width, height };
  const newLong = Math.max(1, Math.trunc((exactShort * long) / short));
  return width < height ? { width: newShort, height: newLong } : { width: newLong, height: newShort };
}

/** Python's `round`. */
function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  return value - floor === 0.5 ? floor + (floor % 2) : Math.round(value);
}
