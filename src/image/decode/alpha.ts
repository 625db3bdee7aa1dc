/** Pillow's rounded division by 255 of a value with 7 more fractional bits. */
function divideBy255(value: number): number {
  const a = value + (0x80 << 7);
  return ((a >>> 8) + a) >>> 15;
}

/**
 * Puts a white background behind RGBA pixels: Pillow's `Image.alpha_composite` on opaque white, bit for bit.
 *
 * @param rgba row-major `[pixels, 4]`
 * @returns `[pixels, 3]`
 */
export function compositeOnWhite(rgba: Uint8Array): Uint8Array {
  const out = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    const share = rgba[from + 3] << 7;
    const rest = (255 << 7) - share;
    for (let c = 0; c < 3; c++) out[to + c] = divideBy255(rgba[from + c] * share + 255 * rest);
  }
  return out;
}
