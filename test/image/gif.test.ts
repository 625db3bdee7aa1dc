import { describe, expect, it } from 'vitest';
import { decode, inspect } from '#dist/image/decode/decode.js';
import { DECODE } from './support.js';

const RED = [200, 10, 20];
const GREEN = [30, 180, 40];
const BLUE = [50, 60, 220];
const GOLD = [250, 200, 0];
const WHITE = [255, 255, 255];
const BLACK = [0, 0, 0];

interface Gif {
  /** Width and height of the picture. */
  screen: [number, number];
  /** Left, top, width and height of its one frame. */
  frame: [number, number, number, number];
  /** Colours of the frame's pixels, from 0 to 3. */
  pixels: number[];
  /** The colour that is transparent, from each of the blocks that may say so; null from one that does not. */
  transparent?: (number | null)[];
  local?: number[][];
}

/** A GIF of the four colours, or of those of the frame's own. */
function gif({ screen, frame, pixels, transparent = [], local }: Gif): Buffer {
  const words = (...values: number[]) => values.flatMap((value) => [value & 255, value >> 8]);
  const controls = transparent.flatMap((index) => [
    0x21,
    0xf9,
    4,
    index === null ? 0 : 1,
    0,
    0,
    index ?? 0,
    0,
  ]);
  // Codes of 3 bits, with a "clear" (4) before every two pixels, so that they never grow; 5 is the end.
  const codes = [...pixels.flatMap((pixel, i) => (i % 2 === 0 ? [4, pixel] : [pixel])), 5];
  const bits = codes.flatMap((code) => [code & 1, (code >> 1) & 1, code >> 2]);
  const data = Array.from({ length: Math.ceil(bits.length / 8) }, (_, byte) =>
    bits.slice(8 * byte, 8 * byte + 8).reduce((sum, bit, i) => sum + bit * 2 ** i, 0),
  );
  return Buffer.from([
    ...Buffer.from('GIF89a'),
    ...words(...screen),
    ...[0x81, 1, 0],
    ...[RED, GREEN, BLUE, GOLD].flat(),
    ...controls,
    ...[0x2c, ...words(...frame), local ? 0x81 : 0],
    ...(local ?? []).flat(),
    ...[2, data.length, ...data, 0, 0x3b],
  ]);
}

/** The colours that a GIF is decoded to. */
async function coloursOf(picture: Gif, alpha: 'drop' | 'white' = 'drop'): Promise<number[][]> {
  const settings = { ...DECODE, alpha };
  const bytes = gif(picture);
  const before = Buffer.from(bytes);
  const { data } = await decode(await inspect(bytes, undefined, settings), settings, () => () => {});
  expect(bytes).toEqual(before);
  return Array.from({ length: data.length / 3 }, (_, i) => [...data.subarray(3 * i, 3 * i + 3)]);
}

/** Expectations are what Pillow 13 makes of the same bytes: `convert('RGB')`, and composited over white. */
describe('a GIF, as Pillow sees it', () => {
  const whole: Gif = { screen: [2, 2], frame: [0, 0, 2, 2], pixels: [0, 1, 2, 3] };
  const part: Gif = { screen: [3, 1], frame: [1, 0, 1, 1], pixels: [2] };

  it('gives a transparent pixel the colour that it has', async () => {
    expect(await coloursOf({ ...whole, transparent: [1] })).toEqual([RED, GREEN, BLUE, GOLD]);
    expect(await coloursOf({ ...whole, transparent: [1] }, 'white')).toEqual([RED, WHITE, BLUE, GOLD]);
    expect(await coloursOf(whole, 'white')).toEqual([RED, GREEN, BLUE, GOLD]);
  });

  it('is of the first colour, or the transparent one, where its frame is not', async () => {
    expect(await coloursOf(part)).toEqual([RED, BLUE, RED]);
    expect(await coloursOf(part, 'white')).toEqual([RED, BLUE, RED]);
    expect(await coloursOf({ ...part, transparent: [3] })).toEqual([GOLD, BLUE, GOLD]);
    expect(await coloursOf({ ...part, transparent: [3] }, 'white')).toEqual([WHITE, BLUE, WHITE]);
    expect(await coloursOf({ ...part, transparent: [200] })).toEqual([BLACK, BLUE, BLACK]);
    const local = [GOLD, RED, GREEN, BLUE];
    expect(await coloursOf({ ...part, local })).toEqual([GOLD, GREEN, GOLD]);
  });

  it('has the transparent colour of the last block that names one', async () => {
    expect(await coloursOf({ ...part, transparent: [3, null] })).toEqual([GOLD, BLUE, GOLD]);
    expect(await coloursOf({ ...part, transparent: [3, 1] })).toEqual([GREEN, BLUE, GREEN]);
  });

  // libvips takes the frame's size for the picture's where it is one that writers used to leave in.
  it.each([
    [640, 480],
    [1024, 768],
    [2049, 3],
    [3, 2049],
    [0, 0],
  ])('is as large as it says, or as its frame: %i × %i', async (screenWidth, screenHeight) => {
    const picture: Gif = { screen: [screenWidth, screenHeight], frame: [1, 1, 2, 1], pixels: [2, 3] };
    const bytes = gif(picture);
    const pixels = await decode(await inspect(bytes, undefined, DECODE), DECODE, () => () => {});
    const [width, height] = [Math.max(screenWidth, 3), Math.max(screenHeight, 2)];
    const expected = Buffer.alloc(3 * width * height, Uint8Array.from(RED));
    expected.set([...BLUE, ...GOLD], 3 * (width + 1));
    expect([pixels.width, pixels.height]).toEqual([width, height]);
    expect(expected.equals(pixels.data)).toBe(true);
  });

  it('may not claim more pixels than are allowed, whatever its frame has', async () => {
    const bytes = gif({ screen: [65_535, 65_535], frame: [0, 0, 1, 1], pixels: [2] });
    await expect(inspect(bytes, undefined, DECODE)).rejects.toMatchObject({
      code: 'ERR_IMAGE',
      message: expect.stringContaining('65535 × 65535') as string,
    });
  });
});
