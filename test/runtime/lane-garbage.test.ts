import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LaneGarbage } from '#dist/runtime/lane-garbage.js';

const MINOR = [{ type: 'minor' }];
const MAJOR: unknown[] = [];

const gc = vi.fn();
beforeEach(() => {
  gc.mockClear();
  vi.stubGlobal('gc', gc);
});
afterEach(() => void vi.unstubAllGlobals());

const encodings = (count: number, tokens: number) =>
  Array.from({ length: count }, () => ({ getLength: () => tokens }));

function run(garbage: LaneGarbage, runs: number): void {
  for (let i = 0; i < runs; i++) garbage.runEnded();
}

describe('runs', () => {
  it('have everything collected once in 256, after the turn of the event loop in which the last one ended', async () => {
    const garbage = new LaneGarbage();
    run(garbage, 255);
    await turn();
    expect(gc).not.toHaveBeenCalled();
    run(garbage, 1);
    expect(gc).not.toHaveBeenCalled();
    await turn();
    expect(gc.mock.calls).toEqual([MAJOR]);
    for (let i = 0; i < 2; i++) {
      run(garbage, 256);
      await turn();
    }
    expect(gc.mock.calls).toEqual([MAJOR, MAJOR, MAJOR]);
  });
});

describe('encodings', () => {
  it('have young objects collected once in 16,384 tokens, when the caller has had its turn with them', async () => {
    const garbage = new LaneGarbage();
    const list = encodings(10, 100);
    expect(garbage.encodingsMade(list)).toBe(list);
    await turn();
    expect(gc).not.toHaveBeenCalled();
    garbage.encodingsMade(encodings(160, 100));
    expect(gc).not.toHaveBeenCalled();
    await turn();
    expect(gc.mock.calls).toEqual([MINOR]);
    for (let i = 0; i < 40; i++) {
      garbage.encodingsMade(encodings(1, 1000));
      await turn();
    }
    expect(gc.mock.calls).toEqual([MINOR, MINOR, MINOR]);
  });
});

describe('both', () => {
  it('collect once in a turn, and everything if either asks for it', async () => {
    const garbage = new LaneGarbage();
    garbage.encodingsMade(encodings(1, 20_000));
    run(garbage, 256);
    garbage.encodingsMade(encodings(1, 20_000));
    await turn();
    expect(gc.mock.calls).toEqual([MAJOR]);
  });

  it('count tokens from the last collection, whichever asked for it', async () => {
    const garbage = new LaneGarbage();
    garbage.encodingsMade(encodings(1, 16_000));
    run(garbage, 256);
    await turn();
    garbage.encodingsMade(encodings(1, 16_000));
    await turn();
    expect(gc.mock.calls).toEqual([MAJOR]);
  });

  it('do nothing where the collector cannot be called', async () => {
    vi.stubGlobal('gc', undefined);
    const garbage = new LaneGarbage();
    run(garbage, 256);
    garbage.encodingsMade(encodings(1, 100_000));
    await turn();
  });
});
