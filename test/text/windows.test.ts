import { describe, expect, it } from 'vitest';
import { headLength, sharedWindows, textWindows, WINDOWS_IN_FLIGHT } from '#dist/text/windows.js';

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

  it('puts texts of like lengths together, the longest first', () => {
    const all = share(lengths(512).map((length) => 'x'.repeat(length))).flatMap(({ texts }) => texts);
    for (let i = 1; i < all.length; i++) expect(all[i].length).toBeLessThanOrEqual(all[i - 1].length);
  });

  it('leaves no lane with much more to do than the others', () => {
    // Few long texts among many short ones, the long ones at the end.
    const texts = lengths(512).map((length, i) => 'x'.repeat(i < 400 ? 30 : 2 * length));
    const total = texts.reduce((sum, { length }) => sum + length, 0);
    for (const lanes of [2, 4]) {
      // Each lane has windows in its hands, and asks for the next when one is done.
      const queue = share(texts, lanes).map(size);
      const busy = Array.from({ length: WINDOWS_IN_FLIGHT * lanes }, (_, loop) => loop % lanes);
      const work = new Array<number>(lanes).fill(0);
      for (const lane of busy) work[lane] += queue.shift() ?? 0;
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        work[work.indexOf(Math.min(...work))] += next;
      }
      expect(Math.max(...work)).toBeLessThan((1.15 * total) / lanes);
    }
  });

  it('makes no windows smaller than a run, and none of nothing', () => {
    const windows = share(lengths(512).map((length) => 'x'.repeat(length)));
    for (const window of windows.slice(0, -1)) expect(size(window)).toBeGreaterThan(768 * 4 - 650);
    expect(share(['a', 'b'])).toHaveLength(1);
    expect(share([])).toEqual([]);
  });
});
