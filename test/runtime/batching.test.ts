import { describe, expect, it } from 'vitest';
import { formBatches } from '#dist/runtime/batching.js';

function padded(lengths: number[], batch: Uint32Array): number {
  return batch.length * Math.max(...Array.from(batch, (index) => lengths[index]));
}

describe('formBatches', () => {
  it('makes no batch of nothing', () => {
    expect(formBatches([], 1024)).toEqual([]);
  });

  it('puts every sequence into exactly one batch', () => {
    const lengths = Array.from({ length: 1000 }, (_, i) => (i * 7919) % 256);
    const all = formBatches(lengths, 1024).flatMap((batch) => [...batch]);
    expect(all.toSorted((a, b) => a - b)).toEqual(lengths.map((_, i) => i));
  });

  it('keeps padded batches within the budget, unless one sequence alone exceeds it', () => {
    const lengths = Array.from({ length: 500 }, (_, i) => 1 + ((i * 104729) % 300));
    for (const budget of [1, 64, 299, 1024, 100000]) {
      for (const batch of formBatches(lengths, budget)) {
        expect(batch.length === 1 || padded(lengths, batch) <= budget).toBe(true);
      }
    }
  });

  it('fills batches: one more sequence would not fit', () => {
    const lengths = Array.from({ length: 500 }, (_, i) => 1 + ((i * 104729) % 300));
    const batches = formBatches(lengths, 1024);
    for (const batch of batches.slice(0, -1)) {
      expect((batch.length + 1) * lengths[batch[0]]).toBeGreaterThan(1024);
    }
  });

  it('goes from the longest to the shortest and keeps the order of equals', () => {
    expect(formBatches([2, 5, 2, 9, 5], 10).map((batch) => [...batch])).toEqual([[3], [1, 4], [0, 2]]);
  });

  it('hardly pads texts of mixed lengths', () => {
    const lengths = Array.from({ length: 512 }, (_, i) => 4 + Math.floor(250 * ((i * 0.618) % 1) ** 3));
    const tokens = lengths.reduce((sum, length) => sum + length, 0);
    const run = formBatches(lengths, 1024).reduce((sum, batch) => sum + padded(lengths, batch), 0);
    expect(run / tokens).toBeLessThan(1.08);
  });

  it('takes empty sequences', () => {
    expect(formBatches([0, 0], 1024).map((batch) => [...batch])).toEqual([[0, 1]]);
  });
});
