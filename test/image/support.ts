import type { ResizeAxis } from '#dist/native/image-binding.js';

/** An axis without padding and crop. */
export function wholeAxis(image: number, resized: number): ResizeAxis {
  return { image, canvas: image, offset: 0, resized, windowStart: 0, window: resized };
}
