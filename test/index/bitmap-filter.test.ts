import { FlatIndex, IdSet } from 'embedlane';
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
      const set = new IdSet(bitmap);
      for (let again = 0; again < 2; again++)
        expect(index.searchSync(query, { ...options, filter: set }).ids).toEqual(expected.ids);
    }
  });

  it('is the same on this thread as on others, and whatever has been added or removed since', async () => {
    const rows = 6000;
    const index = new FlatIndex({ dims: 96, accelerate: 'int8' });
    const check = async (filter: IdSet, query: ReturnType<typeof randomMatrix>) => {
      const bit = (id: number | string) =>
        ((filter.bits[(id as number) >> 3] >> ((id as number) & 7)) & 1) === 1;
      const expected = index.searchSync(query, { k: 50, filter: bit });
      const found = await index.search(query, { k: 50, filter });
      expect(found.ids).toEqual(expected.ids);
      expect(found.scores).toEqual(expected.scores);
      expect((await index.search(query, { k: 50, filter: filter.bits })).ids).toEqual(expected.ids);
    };
    // Few rows that pass are searched on this thread, many on others.
    const few = new IdSet(Uint8Array.from({ length: rows / 4 }, (_, i) => (i % 16 === 3 ? 0x11 : 0)));
    const many = new IdSet(Uint8Array.from({ length: rows / 4 }, () => 0xef));
    index.add(randomMatrix(rows, 96, 1));
    for (const step of [
      () => {},
      () => index.remove([24, 28, 25, 26]),
      () => index.add(randomMatrix(rows, 96, 2)),
      () => index.update(randomMatrix(2, 96, 3), [152, 7001]),
      () => index.remove(Array.from({ length: 11_000 }, (_, i) => i)),
    ]) {
      step();
      for (const set of [few, many]) {
        await check(set, randomMatrix(1, 96, 9));
        await check(set, randomMatrix(3, 96, 10));
      }
    }
  });

  it('refuse what is no bitmap', () => {
    for (const [bits, code] of [
      [undefined, 'ERR_INVALID_ARG'],
      [[1, 2], 'ERR_INVALID_ARG'],
      [Uint32Array.of(1), 'ERR_DTYPE'],
      [new Uint8Array(new SharedArrayBuffer(4)), 'ERR_INVALID_ARG'],
    ] as const) {
      expect(() => new IdSet(bits as never)).toThrow(expect.objectContaining({ code }));
    }
  });
});
