import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ResampleFilter, ResizeAxis } from '#dist/native/image-binding.js';
import { implementations } from '../native/levels.js';
import { readGolden } from '../text/goldens.js';
import { goldenImage, wholeAxis } from './support.js';

interface ResizeGolden {
  filters: ResampleFilter[];
  cases: [number, number, number, number, ...string[]][];
}

describe.each(implementations())('$name', ({ use }) => {
  it.each([12, 13])("resizes to Pillow %i's bytes", (pillow) => {
    const binding = use();
    const { filters, cases } = readGolden<ResizeGolden>(`images/resize-pillow${pillow}.json`);
    cases.forEach(([width, height, toWidth, toHeight, ...digests], number) => {
      const pixels = goldenImage(number + 1, width, height);
      filters.forEach((filter, i) => {
        const out = new Uint8Array(3 * toWidth * toHeight);
        const geometry = {
          x: wholeAxis(width, toWidth),
          y: wholeAxis(height, toHeight),
          filter,
          heightFirst: pillow >= 13,
        };
        binding.resizeImage(pixels, geometry, out);
        const digest = createHash('sha256').update(out).digest('hex').slice(0, 16);
        expect(digest, `${filter}, ${width} × ${height} to ${toWidth} × ${toHeight}`).toBe(digests[i]);
      });
    });
  });

  it('cuts the window out of the whole result, black outside', () => {
    const binding = use();
    const [width, height, toWidth, toHeight] = [57, 41, 30, 22];
    const pixels = goldenImage(5, width, height);
    for (const filter of ['bicubic', 'nearest'] as const) {
      const whole = new Uint8Array(3 * toWidth * toHeight);
      const x = wholeAxis(width, toWidth);
      const y = wholeAxis(height, toHeight);
      binding.resizeImage(pixels, { x, y, filter, heightFirst: true }, whole);
      for (const [left, top, columns, rows] of [
        [4, 3, 20, 10],
        [-5, -3, 40, 30],
        [0, 21, 30, 1],
        [40, 0, 3, 3],
      ]) {
        const out = new Uint8Array(3 * columns * rows);
        const window = {
          x: { ...x, windowStart: left, window: columns },
          y: { ...y, windowStart: top, window: rows },
        };
        binding.resizeImage(pixels, { ...window, filter, heightFirst: true }, out);
        const expected = new Uint8Array(out.length);
        for (let row = 0; row < rows; row++) {
          for (let i = 0; i < 3 * columns; i++) {
            const [from, line] = [Math.floor(i / 3) + left, row + top];
            const inside = from >= 0 && from < toWidth && line >= 0 && line < toHeight;
            expected[3 * row * columns + i] = inside ? whole[3 * (line * toWidth + from) + (i % 3)] : 0;
          }
        }
        expect(Buffer.compare(out, expected), `${filter}, window ${left}, ${top}, ${columns}, ${rows}`).toBe(
          0,
        );
      }
    }
  });

  it('resizes an image on a black canvas as if the canvas were there', () => {
    const binding = use();
    const [width, height, side] = [37, 90, 90];
    const pixels = goldenImage(7, width, height);
    const left = Math.floor((side - width) / 2);
    const canvas = new Uint8Array(3 * side * side);
    for (let y = 0; y < height; y++) {
      canvas.set(pixels.subarray(3 * y * width, 3 * (y + 1) * width), 3 * (y * side + left));
    }
    for (const filter of ['nearest', 'lanczos', 'bilinear', 'bicubic', 'box', 'hamming'] as const) {
      for (const to of [32, 90, 130]) {
        const expected = new Uint8Array(3 * to * to);
        const square = wholeAxis(side, to);
        binding.resizeImage(canvas, { x: square, y: square, filter, heightFirst: true }, expected);
        const out = new Uint8Array(expected.length);
        const x: ResizeAxis = { ...square, image: width, offset: left };
        binding.resizeImage(pixels, { x, y: square, filter, heightFirst: true }, out);
        expect(Buffer.compare(out, expected), `${filter} to ${to}`).toBe(0);
      }
    }
  });

  it('refuses what does not fit together', () => {
    const binding = use();
    if (binding.backend === 'typescript') return; // callers have validated; the addon never trusts them
    const axis = wholeAxis(4, 2);
    const geometry = { x: axis, y: axis, filter: 'bicubic' as const, heightFirst: true };
    const resize = (change: object, pixels = new Uint8Array(48), out = new Uint8Array(12)) =>
      binding.resizeImage(pixels, { ...geometry, ...change } as never, out);
    const code = (expected: string) => expect.objectContaining({ code: expected });
    expect(() => resize({}, new Uint8Array(47))).toThrow(code('ERR_DIMENSION'));
    expect(() => resize({}, undefined, new Uint8Array(11))).toThrow(code('ERR_DIMENSION'));
    expect(() => resize({ filter: 'sharpest' })).toThrow(code('ERR_INVALID_ARG'));
    expect(() => resize({ heightFirst: 1 })).toThrow(code('ERR_INVALID_ARG'));
    expect(() => resize({ x: undefined })).toThrow(code('ERR_INVALID_ARG'));
    expect(() => resize({ x: { ...axis, resized: 0 } })).toThrow(code('ERR_INVALID_ARG'));
    expect(() => resize({ x: { ...axis, resized: 2 ** 26 + 1 } })).toThrow(code('ERR_INVALID_ARG'));
    expect(() => resize({ x: { ...axis, canvas: 3 } })).toThrow(code('ERR_INVALID_ARG'));
    expect(() => resize({ x: { ...axis, offset: 1 } })).toThrow(code('ERR_INVALID_ARG'));
    expect(() => resize({ y: { ...axis, window: Number.NaN } })).toThrow(code('ERR_INVALID_ARG'));
    expect(() =>
      binding.resizeImageToPlanes(new Uint8Array(48), geometry, new Float32Array(767), new Float32Array(12)),
    ).toThrow(code('ERR_DIMENSION'));
  });
});
