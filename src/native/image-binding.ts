/** Pillow's resampling filters, in the order of Pillow's numbers. */
export const RESAMPLE_FILTERS = ['nearest', 'lanczos', 'bilinear', 'bicubic', 'box', 'hamming'] as const;
export type ResampleFilter = (typeof RESAMPLE_FILTERS)[number];

/**
 * One direction of a resize, in pixels: the image lies on a black canvas, the canvas is resized, and a window
 * is cut out of the result. What of the window lies outside the result is black.
 */
export interface ResizeAxis {
  image: number;
  /** Without padding, the image's size. */
  canvas: number;
  /** Where the image begins on the canvas. */
  offset: number;
  /** Size of the canvas after resizing. */
  resized: number;
  /** Where the window begins in the resized canvas; may be negative. */
  windowStart: number;
  window: number;
}

export interface ResizeGeometry {
  x: ResizeAxis;
  y: ResizeAxis;
  filter: ResampleFilter;
  /**
   * Resize the height first where that saves work, as Pillow 13 does; 12 and earlier never do. Both passes
   * round to 8 bits, so the order can be seen in the result.
   */
  heightFirst: boolean;
}

/** Resampling of 8-bit RGB images, row-major `[height, width, 3]`: Pillow's `Image.resize`, bit for bit. */
export interface ImageBinding {
  /** @param out the window's pixels, `[window height, window width, 3]` */
  resizeImage(pixels: Uint8Array, geometry: ResizeGeometry, out: Uint8Array): void;
  /**
   * {@link resizeImage}, then a table per channel, then planes: what a network takes.
   *
   * @param table `[3, 256]`, what each byte becomes in each channel
   * @param out `[3, window height, window width]`
   */
  resizeImageToPlanes(
    pixels: Uint8Array,
    geometry: ResizeGeometry,
    table: Float32Array,
    out: Float32Array,
  ): void;
}
