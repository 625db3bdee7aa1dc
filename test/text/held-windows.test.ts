import { describe, expect, it } from 'vitest';
import { HeldWindow, takeOver } from '#dist/text/held-windows.js';
import type { TextLaneCalls } from '#dist/text/text-lane.js';

const lanes = Array.from({ length: 3 }, () => ({}) as TextLaneCalls);

/** A window of texts of these lengths, in the hands of a lane. */
function held(lengths: readonly number[], lane?: TextLaneCalls): HeldWindow {
  const texts = lengths.map((length) => 'x'.repeat(length));
  const window = new HeldWindow({ indices: [...texts.keys()], texts, open: [], head: 1000 });
  window.lane = lane;
  return window;
}

describe('a window in the hands of a lane', () => {
  it('has less and less left', () => {
    const window = held([50, 40, 30]);
    expect(window.work).toBe(120);
    window.done([1]);
    expect([window.work, window.remaining(), window.settled]).toEqual([80, [0, 2], [1]]);
    expect(window.remaining([1, 2])).toEqual([2]);
  });

  it('gives its shortest texts away, the longest of them first, and only once', () => {
    const window = held([50, 10, 30, 20]);
    expect(window.release(65, 1)).toEqual([2, 3, 1]);
    expect(window.work).toBe(50);
    expect(window.release(49, 0)).toEqual([]);
    expect(window.remaining()).toEqual([0]);
    expect(held([50, 1]).release(49, 2)).toEqual([]);
  });
});

describe('takeOver', () => {
  const RUN = 100;
  const LEAST = 25;
  const take = (windows: HeldWindow[], size = 2) => takeOver(windows, size, RUN, LEAST);

  it('takes half of the most that one lane has left', () => {
    const windows = [held(Array(10).fill(50), lanes[0]), held(Array(20).fill(50), lanes[0])];
    expect(take(windows)).toEqual({ from: windows[1], places: [10, 11, 12, 13, 14, 15, 16, 17, 18, 19] });
    expect(windows.map(({ work }) => work)).toEqual([500, 500]);
  });

  it('leaves what its lane is doing just now', () => {
    const window = held([60, 60, 20, 10, 5], lanes[0]);
    expect(take([window])?.places).toEqual([2, 3, 4]);
    expect(take([window])).toBeUndefined();
  });

  it('takes nothing while every lane has something to do, or soon will', () => {
    const long = Array(20).fill(50);
    expect(take([held(long, lanes[0]), held(long, lanes[1])])).toBeUndefined();
    expect(take([held(long, lanes[0]), held(long)])).toBeUndefined();
    expect(take([held(long, lanes[0]), held(long, lanes[1])], 3)).toBeDefined();
  });

  it('takes nothing of little, of what has not been sent, or of nothing', () => {
    expect(take([held([60, 60], lanes[0])])).toBeUndefined();
    expect(take([held([500, 1], lanes[0])])).toBeUndefined();
    expect(take([held(Array(20).fill(50))], 3)).toBeUndefined();
    expect(take([])).toBeUndefined();
  });

  it('cannot cut a text', () => {
    expect(take([held([1000, 900], lanes[0])])?.places).toEqual([1]);
    expect(take([held([1000], lanes[0])])).toBeUndefined();
  });
});
