import { afterEach, expect, it, vi } from 'vitest';
import { RunGarbage } from '#dist/runtime/run-garbage.js';

afterEach(() => void vi.unstubAllGlobals());

const turn = () => new Promise((resolve) => setImmediate(resolve));

it('collects all garbage once in 256 runs, after the turn of the event loop in which the last one ended', async () => {
  const gc = vi.fn();
  vi.stubGlobal('gc', gc);
  const garbage = new RunGarbage();
  for (let run = 1; run < 256; run++) garbage.count();
  await turn();
  expect(gc).not.toHaveBeenCalled();
  garbage.count();
  expect(gc).not.toHaveBeenCalled();
  await turn();
  expect(gc.mock.calls).toEqual([[]]);
  for (let run = 0; run < 512; run++) garbage.count();
  await turn();
  expect(gc).toHaveBeenCalledTimes(3);
});

it('does nothing where the collector cannot be called', async () => {
  vi.stubGlobal('gc', undefined);
  const garbage = new RunGarbage();
  for (let run = 0; run < 256; run++) garbage.count();
  await turn();
});
