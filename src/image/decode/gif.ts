import type { Pixels } from './settings.js';

/** What the headers of a GIF and of its first frame say that libvips does not tell. */
export interface GifFrame {
  /** Size of the picture in Pillow. libvips does not believe some (640 × 480, beyond 2048, …) and takes that of the frames. */
  screen: { width: number; height: number };
  left: number;
  top: number;
  width: number;
  height: number;
  /** Place of the flags that say whether a colour is transparent; undefined if nothing says so. */
  flagsAt: number | undefined;
  /** Colour of the picture where the frame is not, in Pillow: the transparent one, else the first; black if there is none. */
  ground: Uint8Array;
}

const EXTENSION = 0x21;
const GRAPHIC_CONTROL = 0xf9;
const IMAGE = 0x2c;
const TRANSPARENT = 1;

/** @returns undefined for what is no whole header, of which the decoder says more */
export function firstGifFrame(bytes: Uint8Array): GifFrame | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let colours = bytes.subarray(13, 13 + tableBytes(bytes[10]));
  let at = 13 + colours.length;
  let flagsAt: number | undefined;
  let transparent = 0;
  while (bytes[at] === EXTENSION) {
    // As Pillow reads them: of several, a later one that makes no colour transparent does not take back an earlier one.
    if (bytes[at + 1] === GRAPHIC_CONTROL && (bytes[at + 3] & TRANSPARENT) !== 0) {
      flagsAt = at + 3;
      transparent = bytes[at + 6];
    }
    at += 2;
    while (bytes[at] > 0) at += 1 + bytes[at];
    at++;
  }
  if (bytes[at] !== IMAGE || at + 10 > bytes.length) return undefined;
  const own = tableBytes(bytes[at + 9]);
  if (own > 0) colours = bytes.subarray(at + 10, at + 10 + own);
  const [left, top, width, height] = [1, 3, 5, 7].map((offset) => view.getUint16(at + offset, true));
  const ground = new Uint8Array(3);
  ground.set(colours.subarray(3 * transparent, 3 * transparent + 3));
  const screen = {
    width: Math.max(view.getUint16(6, true), left + width),
    height: Math.max(view.getUint16(8, true), top + height),
  };
  return { screen, left, top, width, height, flagsAt, ground };
}

/** Bytes of the table of colours that follows, by the flags of a header. */
function tableBytes(flags: number): number {
  return (flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1);
}

/** The same picture with all colours opaque: libvips gives black for a transparent one, Pillow the colour that it has. */
export function withoutTransparency(bytes: Uint8Array, { flagsAt }: GifFrame): Uint8Array {
  if (flagsAt === undefined) return bytes;
  const copy = new Uint8Array(bytes);
  copy[flagsAt] &= ~TRANSPARENT;
  return copy;
}

/**
 * The picture in its size, with a colour where its first frame is not.
 *
 * @param pixels what libvips decodes, which has the same top left corner
 */
export function onScreen(pixels: Pixels, frame: GifFrame, ground: Uint8Array): Pixels {
  const { left, top, screen } = frame;
  const covered = left === 0 && top === 0 && frame.width >= screen.width && frame.height >= screen.height;
  if (covered && pixels.width === screen.width && pixels.height === screen.height) return pixels;
  const row = new Uint8Array(3 * screen.width);
  for (let x = 0; x < row.length; x += 3) row.set(ground, x);
  const data = new Uint8Array(3 * screen.width * screen.height);
  const from = 3 * left;
  const to = 3 * Math.min(left + frame.width, pixels.width);
  const bottom = Math.min(top + frame.height, pixels.height);
  for (let y = 0; y < screen.height; y++) {
    data.set(row, y * row.length);
    if (y < top || y >= bottom) continue;
    const start = 3 * y * pixels.width;
    data.set(pixels.data.subarray(start + from, start + to), y * row.length + from);
  }
  return { data, ...screen };
}
