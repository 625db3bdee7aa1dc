import { describe, expect, it } from 'vitest';
import { headLength, textWindows } from '#dist/text/windows.js';

const LIMITS = { texts: 4, characters: 100 };

describe('textWindows', () => {
  it('covers every text once, in order, within the limits', () => {
    const texts = Array.from({ length: 57 }, (_, i) => 'x'.repeat((i * 31) % 60));
    const windows = [...textWindows(texts, undefined, 1000, LIMITS)];
    expect(windows.flatMap(({ indices }) => indices)).toEqual(texts.map((_, i) => i));
    expect(windows.flatMap((window) => window.texts)).toEqual(texts);
    for (const window of windows) {
      expect(window.texts.length).toBeLessThanOrEqual(4);
      expect(window.texts.join('').length).toBeLessThanOrEqual(100);
      expect(window.open).toEqual([]);
    }
  });

  it('gives a text that is too large a window of its own', () => {
    const texts = ['a', 'b'.repeat(500), 'c'];
    const windows = [...textWindows(texts, undefined, 1000, LIMITS)];
    expect(windows.map(({ indices }) => indices)).toEqual([[0], [1], [2]]);
  });

  it('sends beginnings of long texts and says which', () => {
    const [window] = textWindows(['short', 'long'.repeat(100)], undefined, 8, LIMITS);
    expect(window).toEqual({ indices: [0, 1], texts: ['short', 'longlong'], open: [1], head: 8 });
  });

  it('never cuts a surrogate pair', () => {
    const [window] = textWindows(['😀😀😀'], undefined, 3, LIMITS);
    expect(window.texts).toEqual(['😀']);
  });

  it('takes only the texts that are asked for', () => {
    const [window] = textWindows(['a', 'b', 'c'], [2, 0], 8, LIMITS);
    expect(window).toMatchObject({ indices: [2, 0], texts: ['c', 'a'] });
  });

  it('makes no window of nothing', () => {
    expect([...textWindows([], undefined, 8, LIMITS)]).toEqual([]);
  });

  it('needs all of a text where nothing truncates it', () => {
    expect(headLength(undefined)).toBe(Number.POSITIVE_INFINITY);
    expect(headLength(256)).toBeLessThan(8192);
  });
});
