import { describe, expect, it } from 'vitest';
import { createFallback } from '#dist/native/fallback/index.js';
import { loadBinding } from '#dist/native/load.js';
import { implementations } from './levels.js';

const TABLE_ROWS = 50;

/** Bags of 0 to 6 rows of a table of `dims` values in the range of embeddings. */
function bags(dims: number) {
  let state = 1;
  const next = () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state / 2 ** 32;
  };
  const table = Float32Array.from({ length: TABLE_ROWS * dims }, () => next() * 2 - 1);
  const ids: number[] = [];
  const ends = Uint32Array.from({ length: 40 }, (_, bag) => {
    for (let i = 0; i < bag % 7; i++) ids.push(Math.floor(next() * TABLE_ROWS));
    return ids.length;
  });
  return { table, ids: Uint32Array.from(ids), ends };
}

describe.each(implementations())('bagMeans at level $name', ({ use }) => {
  it.each([1, 3, 16, 17, 100, 256, 300])('means rows of %i values, close to float64', async (dims) => {
    const { table, ids, ends } = bags(dims);
    const out = new Float32Array(ends.length * dims);
    await use().bagMeans(table, dims, ids, ends, false, dims, false, out);
    ends.forEach((end, bag) => {
      const rows = Array.from(ids.subarray(ends[bag - 1] ?? 0, end));
      for (let d = 0; d < dims; d++) {
        const mean = rows.reduce((sum, row) => sum + table[row * dims + d], 0) / Math.max(1, rows.length);
        expect(Math.abs(out[bag * dims + d] - mean)).toBeLessThanOrEqual(3e-7);
      }
    });
  });

  it.each([
    [false, 33, false],
    [true, 33, false],
    [true, 20, false],
    [false, 20, true],
    [true, 20, true],
  ])(
    'gives the same bits as the fallback: normalize %s, kept %i, then %s',
    async (normalize, kept, again) => {
      const dims = 33;
      const { table, ids, ends } = bags(dims);
      const out = new Float32Array(ends.length * kept);
      const expected = new Float32Array(ends.length * kept);
      await use().bagMeans(table, dims, ids, ends, normalize, kept, again, out);
      await createFallback().bagMeans(table, dims, ids, ends, normalize, kept, again, expected);
      expect(new Uint32Array(out.buffer)).toEqual(new Uint32Array(expected.buffer));
    },
  );
});

describe.skipIf(loadBinding().backend !== 'native')('the addon', () => {
  const addon = loadBinding();

  it('refuses ids and ends that lead outside', async () => {
    const table = new Float32Array(8);
    const out = new Float32Array(2);
    const call = (ids: number[], ends: number[], kept = 2) =>
      addon.bagMeans(table, 2, Uint32Array.from(ids), Uint32Array.from(ends), false, kept, false, out);
    await expect(call([4], [1])).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
    await expect(call([0], [2])).rejects.toMatchObject({ code: 'ERR_DIMENSION' });
    await expect(call([0, 1], [2, 1])).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
    await expect(call([0, 1], [1, 2])).rejects.toMatchObject({ code: 'ERR_DIMENSION' });
    await expect(call([0], [1], 3)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
    await expect(call([0], [1])).resolves.toBeUndefined();
  });

  it('refuses what is no tokenizer, and too little room', async () => {
    const strings = { units: new Uint16Array([97]), ends: Uint32Array.from([1]) };
    const limits = { most: 10, fromEnd: false, dropUnknown: false };
    const room = (ids: number) => ({
      ids: new Uint32Array(ids),
      ends: new Uint32Array(1),
      known: new Uint8Array(1),
    });
    await expect(addon.encodeWordPiece?.({} as never, strings, limits, room(3))).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG',
    });
    const none = { units: new Uint16Array(0), ends: new Uint32Array(0) };
    const tokenizer = await addon.createWordPiece?.({
      vocabulary: strings,
      ids: Uint32Array.from([7]),
      added: none,
      addedIds: new Uint32Array(0),
      prefix: new Uint16Array([35, 35]),
      fold: true,
      unknown: 3,
      mostCharacters: 100,
    });
    await expect(addon.encodeWordPiece?.(tokenizer as never, strings, limits, room(2))).rejects.toMatchObject(
      {
        code: 'ERR_DIMENSION',
      },
    );
    const bags = room(3);
    await addon.encodeWordPiece?.(tokenizer as never, strings, limits, bags);
    expect([bags.ids[0], bags.ends[0], bags.known[0]]).toEqual([7, 1, 1]);
  });
});
