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

  it('has no cheaper way to cut the sorted list, a run being worth 12 tokens', () => {
    const cost = (sorted: number[], cuts: number) => {
      let [sum, size, longest] = [0, 0, 0];
      for (let i = 0; i < sorted.length; i++) {
        size++;
        longest = Math.max(longest, sorted[i]);
        const end = i === sorted.length - 1 || (cuts >> i) & 1;
        if (!end) continue;
        if (size > 1 && size * longest > 200) return Number.POSITIVE_INFINITY;
        sum += 12 + size * longest;
        [size, longest] = [0, 0];
      }
      return sum;
    };
    for (let seed = 1; seed <= 30; seed++) {
      const lengths = Array.from({ length: 9 }, (_, i) => 1 + ((seed * 7919 + i * 104729) % 31));
      const sorted = lengths.toSorted((a, b) => b - a);
      const best = Math.min(...Array.from({ length: 1 << 8 }, (_, cuts) => cost(sorted, cuts)));
      const ours = formBatches(lengths, 200).reduce((sum, batch) => sum + 12 + padded(lengths, batch), 0);
      expect(ours).toBe(best);
    }
  });

  it('leaves texts of one length together, up to the budget', () => {
    expect(formBatches(Array(100).fill(16), 768).map(({ length }) => length)).toEqual([48, 48, 4]);
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
