import { describe, expect, it } from 'vitest';
import { headLength, sharedWindows, textWindows } from '#dist/text/windows.js';

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

describe('sharedWindows', () => {
  const limits = { texts: 2048, characters: 256 * 1024 };
  const lengths = (count: number) => Array.from({ length: count }, (_, i) => 20 + ((i * 7919) % 600));
  const share = (texts: readonly string[], lanes = 2, head = 5000) => [
    ...sharedWindows(texts, head, lanes, 768, limits),
  ];
  const size = ({ texts }: { texts: string[] }) => texts.reduce((sum, { length }) => sum + length, 0);

  it.each([1, 40, 512, 5000])('covers every one of %i texts once, cut to its beginning', (count) => {
    const texts = lengths(count).map((length) => 'x'.repeat(length));
    const windows = share(texts, 2, 300);
    const places = windows.flatMap(({ indices }) => indices);
    expect([...places].sort((a, b) => a - b)).toEqual(texts.map((_, i) => i));
    for (const { indices, texts: sent, open } of windows) {
      expect(sent).toEqual(indices.map((index) => texts[index].slice(0, 300)));
      expect(open).toEqual([...indices.keys()].filter((i) => texts[indices[i]].length > 300));
      expect(indices.length).toBeLessThanOrEqual(512);
    }
  });

  it('gives each window texts of all lengths, the longest first', () => {
    const texts = lengths(512).map((length) => 'x'.repeat(length));
    for (const lanes of [2, 3, 4]) {
      const windows = share(texts, lanes);
      expect(windows).toHaveLength(lanes);
      for (const { texts: own } of windows) {
        for (let i = 1; i < own.length; i++) expect(own[i].length).toBeLessThanOrEqual(own[i - 1].length);
        // Of 580 lengths: neighbours are hardly further apart than there are windows.
        for (let i = 1; i < own.length; i++)
          expect(own[i - 1].length - own[i].length).toBeLessThan(4 * lanes);
      }
    }
  });

  it('gives no lane much more to do than another', () => {
    // Few long texts among many short ones, the long ones at the end.
    const texts = lengths(512).map((length, i) => 'x'.repeat(i < 400 ? 30 : 2 * length));
    for (const lanes of [2, 4]) {
      const sizes = share(texts, lanes).map(size);
      expect(Math.max(...sizes)).toBeLessThan(1.02 * Math.min(...sizes));
    }
  });

  it('keeps windows of many or of long texts within the limits', () => {
    const many = share(Array.from({ length: 3000 }, () => 'short text'));
    for (const { texts } of many) expect(texts.length).toBeLessThanOrEqual(512);
    const long = share(Array(40).fill('x'.repeat(20_000)), 2, Number.POSITIVE_INFINITY);
    for (const window of long) expect(size(window)).toBeLessThanOrEqual(limits.characters);
    const texts = ['x'.repeat(10_000_000), ...Array(500).fill('a short text')];
    const mixed = share(texts, 2, Number.POSITIVE_INFINITY);
    expect(mixed.map(({ indices }) => indices.length).sort((a, b) => a - b)).toEqual([1, 250, 250]);
  });

  it('makes no windows smaller than a quarter of a run, and none of nothing', () => {
    const texts = Array.from({ length: 40 }, () => 'a question of forty characters in length');
    const windows = share(texts, 4);
    expect(windows).toHaveLength(2);
    for (const window of windows) expect(size(window)).toBeGreaterThanOrEqual(768);
    expect(share(['a', 'b'])).toHaveLength(1);
    expect(share([])).toEqual([]);
  });
});
