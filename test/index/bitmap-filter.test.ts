import { FlatIndex } from 'embedlane';
import { describe, expect, it } from 'vitest';
import { Random } from '../native/random.js';
import { randomMatrix } from './support.js';

describe('a bitmap as a filter', () => {
  it.each([0, 1, 2, 3, 4, 5])('is what asking for every id is, round %i', (round) => {
    const random = new Random(round + 11);
    const index = new FlatIndex({ dims: 2, metric: 'l2' });
    // Default ids in runs that begin anywhere in a word, between rows with ids of their own.
    for (let run = 0; run < 6; run++) {
      const rows = 1 + random.below(90);
      if (random.below(2) === 0) {
        index.add(randomMatrix(rows, 2, run));
      } else {
        const first = index.stats().nextId + random.below(5);
        index.add(
          randomMatrix(rows, 2, run),
          Array.from({ length: rows }, (_, i) => (i % 5 === 4 ? `${run}/${i}` : first + 2 * i)),
        );
      }
    }
    index.remove(Array.from({ length: 60 }, () => random.below(index.stats().nextId)));
    for (const bytes of [0, 1, 7, Math.ceil(index.stats().nextId / 8), 400]) {
      const bitmap = Uint8Array.from({ length: bytes }, () => random.below(256));
      const bit = (id: number | string) =>
        typeof id === 'number' && id < 8 * bytes && ((bitmap[id >> 3] >> (id & 7)) & 1) === 1;
      const options = { k: 1000 };
      const query = randomMatrix(1, 2, 77);
      const found = index.searchSync(query, { ...options, filter: bitmap });
      const expected = index.searchSync(query, { ...options, filter: bit });
      expect(found.ids).toEqual(expected.ids);
    }
  });
});
