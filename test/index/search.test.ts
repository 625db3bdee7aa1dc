import { Embeddings, FlatIndex, type Id } from 'embedlane';
import { topKSync } from 'embedlane/vectors';
import { describe, expect, it } from 'vitest';
import { code, matrixOf, randomMatrix } from './support.js';

describe('search', () => {
  const corpus = randomMatrix(3_000, 40, 2);
  const queries = randomMatrix(17, 40, 3);

  it.each(['cosine', 'dot', 'l2'] as const)(
    'finds what topK finds, with the same scores: %s',
    async (metric) => {
      const index = new FlatIndex({ dims: 40, metric });
      // In parts, so that the rows lie in several pieces of memory.
      for (let row = 0; row < 3_000; row += 500) {
        index.add(new Embeddings(corpus.data.slice(row * 40, (row + 500) * 40), 500, 40));
      }
      const wanted = topKSync(queries, corpus, { k: 9, metric });
      for (const found of [
        index.searchSync(queries, { k: 9 }),
        index.searchSync(queries, { k: 9, threads: 1 }),
        await index.search(queries, { k: 9 }),
        await index.search(queries, { k: 9, threads: 3 }),
      ]) {
        expect([found.rows, found.k]).toEqual([17, 9]);
        expect(found.ids).toEqual(Array.from(wanted.indices));
        expect(found.scores).toEqual(wanted.scores);
        expect(found.get(3)).toEqual(wanted.get(3).map(({ index, score }) => ({ id: index, score })));
      }
      const all = index.searchSync(queries, { k: 1e6 });
      expect([all.k, all.ids.length]).toEqual([3_000, 17 * 3_000]);
    },
  );

  it('orders equal scores by age', () => {
    const index = new FlatIndex({ dims: 1 });
    index.add(new Embeddings(new Float32Array(1000).fill(1), 1000, 1));
    expect(index.searchSync(matrixOf([1]), { k: 4 }).ids).toEqual([0, 1, 2, 3]);
    index.update(matrixOf([1]), [1]);
    expect(index.searchSync(matrixOf([1]), { k: 1000 }).ids.at(-1)).toBe(1);
    expect(index.searchSync(matrixOf([1]), { k: 3 }).ids).toEqual([0, 2, 3]);
  });

  it('gives 0 for the cosine with a zero vector', () => {
    const index = new FlatIndex({ dims: 2 });
    index.add(matrixOf([0, 0], [1, 0], [-1, 0]));
    expect(index.searchSync(matrixOf([1, 0], [0, 0]), { k: 3 }).scores).toEqual(
      Float32Array.of(1, 0, -1, 0, 0, 0),
    );
  });

  it('does not find removed rows', async () => {
    const index = new FlatIndex({ dims: 40 });
    index.add(corpus);
    const best = index.searchSync(queries, { k: 3 });
    index.remove(best.ids);
    const next = await index.search(queries, { k: 3 });
    const removed = new Set(best.ids);
    expect(next.ids.some((id) => removed.has(id))).toBe(false);
    const reference = new FlatIndex({ dims: 40 });
    for (const { id, vector } of index) reference.add(new Embeddings(vector, 1, 40), [id]);
    expect(reference.searchSync(queries, { k: 3 }).ids).toEqual(next.ids);
  });

  it.each([0, -1, 1.5, Number.NaN, 2 ** 32, '3', undefined])('refuses k = %s', async (k) => {
    const index = new FlatIndex({ dims: 40 });
    index.add(corpus);
    expect(() => index.searchSync(queries, { k: k as number })).toThrow(code('ERR_INVALID_ARG'));
    await expect(index.search(queries, { k: k as number })).rejects.toThrow(code('ERR_INVALID_ARG'));
  });

  it.each([
    undefined,
    { k: 1, metric: 'l2' },
    { k: 1, threads: 0 },
    { k: 1, threads: 129 },
    { k: 1, radius: Number.NaN },
    { k: 1, radius: '1' },
    { k: 1, filter: 3 },
    { k: 1, filter: 'ids' },
    { k: 1, filter: [1.5] },
  ])('refuses %j', async (options) => {
    const index = new FlatIndex({ dims: 40 });
    index.add(corpus);
    expect(() => index.searchSync(queries, options as never)).toThrow(code('ERR_INVALID_ARG'));
    await expect(index.search(queries, options as never)).rejects.toThrow(code('ERR_INVALID_ARG'));
    expect(() => index.searchSync(queries, { k: 1, signal: new AbortController().signal } as never)).toThrow(
      code('ERR_INVALID_ARG'),
    );
    await expect(index.search(queries, { k: 1, signal: {} as AbortSignal })).rejects.toThrow(
      code('ERR_INVALID_ARG'),
    );
  });
});

describe('searches at the same time', () => {
  const corpus = randomMatrix(2_000, 40, 21);
  const queries = randomMatrix(120, 40, 22);
  const query = (i: number) => new Embeddings(queries.row(i).slice(), 1, 40);

  it('share passes, and find what each would find alone', async () => {
    const index = new FlatIndex({ dims: 40, metric: 'dot' });
    index.add(corpus);
    index.remove([1, 5, 77]);
    const alone = Array.from({ length: 120 }, (_, i) =>
      index.searchSync(query(i), { k: 1 + (i % 3) }).get(0),
    );
    const found = await Promise.all(alone.map((_, i) => index.search(query(i), { k: 1 + (i % 3) })));
    expect(found.map((result) => result.get(0))).toEqual(alone);
    const radius = alone[0][0].score;
    const near = Array.from({ length: 120 }, (_, i) => index.rangeSearchSync(query(i), { radius }).get(0));
    const ranges = await Promise.all(near.map((_, i) => index.rangeSearch(query(i), { radius })));
    expect(ranges.map((result) => result.get(0))).toEqual(near);
  });

  it('each see the rows of their call', async () => {
    const index = new FlatIndex({ dims: 40, metric: 'dot' });
    index.add(corpus);
    const wanted: unknown[] = [];
    const searches: Promise<unknown>[] = [];
    for (let i = 0; i < 120; i++) {
      if (i % 4 === 1) index.remove(index.searchSync(query(i), { k: 1 }).ids[0]);
      if (i % 4 === 2) index.add(query(i));
      if (i % 7 === 3) index.update(query(i + 1), [index.searchSync(query(i), { k: 1 }).ids[0]]);
      wanted.push(index.searchSync(query(i), { k: 5 }).get(0));
      searches.push(index.search(query(i), { k: 5 }).then((found) => found.get(0)));
    }
    index.close();
    expect(await Promise.all(searches)).toEqual(wanted);
  });

  it('are aborted one by one', async () => {
    const index = new FlatIndex({ dims: 40 });
    index.add(corpus);
    const controllers = Array.from({ length: 60 }, () => new AbortController());
    const searches = controllers.map(({ signal }, i) => index.search(query(i), { k: 2, signal }));
    for (let i = 0; i < 60; i += 2) controllers[i].abort();
    const outcomes = await Promise.allSettled(searches);
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(30);
    expect(outcomes[0]).toMatchObject({ reason: { code: 'ERR_ABORTED' } });
    for (let i = 1; i < 60; i += 2) {
      const { value } = outcomes[i] as PromiseFulfilledResult<{ ids: unknown[] }>;
      expect(value.ids).toEqual(index.searchSync(query(i), { k: 2 }).ids);
    }
  });
});

describe('range search', () => {
  const corpus = randomMatrix(2_000, 24, 4);
  const queries = randomMatrix(5, 24, 5);

  it.each([
    ['cosine', 0.25],
    ['dot', 3],
    ['l2', 6],
  ] as const)('finds every row within the radius: %s', async (metric, radius) => {
    const index = new FlatIndex({ dims: 24, metric });
    index.add(corpus);
    const all = index.searchSync(queries, { k: 2_000 });
    const inside = (score: number) =>
      metric === 'l2' ? score <= Math.fround(radius) : score >= Math.fround(radius);
    const found = await index.rangeSearch(queries, { radius });
    expect(index.rangeSearchSync(queries, { radius })).toEqual(found);
    let hits = 0;
    for (let q = 0; q < 5; q++) {
      const wanted = all.get(q).filter(({ score }) => inside(score));
      expect(found.get(q)).toEqual(wanted);
      expect(index.searchSync(queries, { k: 3, radius }).get(q)).toEqual(wanted.slice(0, 3));
      hits += wanted.length;
    }
    expect(hits).toBeGreaterThan(20);
    expect([found.ids.length, found.offsets[5]]).toEqual([hits, hits]);
  });

  it('needs a radius and nothing else', async () => {
    const index = new FlatIndex({ dims: 24 });
    expect(() => index.rangeSearchSync(queries, {} as never)).toThrow(code('ERR_INVALID_ARG'));
    await expect(index.rangeSearch(queries, { radius: 1, k: 3 } as never)).rejects.toThrow(
      code('ERR_INVALID_ARG'),
    );
  });
});

describe('filter', () => {
  const index = new FlatIndex({ dims: 8 });
  const corpus = randomMatrix(20_000, 8, 6);
  index.add(corpus);
  index.remove(Array.from({ length: 3_000 }, (_, i) => i * 5));
  const query = randomMatrix(2, 8, 7);
  const bitmap = new Uint8Array(2_500);
  for (let id = 0; id < 20_000; id += 3) bitmap[id >> 3] |= 1 << (id & 7);
  const third = (id: Id) => (id as number) % 3 === 0;
  const list = Array.from({ length: 6_667 }, (_, i) => i * 3);

  it('is the same as ids, a set, a bitmap or a predicate', async () => {
    const ranked = index.searchSync(query, { k: 20_000 });
    const wanted = ranked.get(1).filter(({ id }) => third(id));
    for (const filter of [list, new Set(list), bitmap, third]) {
      for (const found of [
        index.searchSync(query, { k: 10, filter }),
        await index.search(query, { k: 10, filter }),
        await index.rangeSearch(query, { radius: wanted[9].score, filter }),
      ]) {
        expect(found.get(1)).toEqual(wanted.slice(0, 10));
      }
    }
  });

  it('may leave nothing, or less than k', async () => {
    expect(index.searchSync(query, { k: 3, filter: [] }).get(0)).toEqual([]);
    expect((await index.search(query, { k: 3, filter: () => false })).k).toBe(0);
    expect((await index.search(query, { k: 3, filter: [1, 'no', 99_999] })).ids).toEqual([1, 1]);
    expect(index.searchSync(query, { k: 3, filter: new Uint8Array(0) }).ids).toEqual([]);
  });

  it('by bitmap never lets strings or negative ids through', () => {
    const mixed = new FlatIndex({ dims: 1 });
    mixed.add(matrixOf([1], [1], [1]), ['0', -1, 0]);
    expect(mixed.searchSync(matrixOf([1]), { k: 3, filter: Uint8Array.of(255) }).ids).toEqual([0]);
  });

  it('may throw, and the error arrives', async () => {
    const filter = () => {
      throw new Error('mine');
    };
    expect(() => index.searchSync(query, { k: 1, filter })).toThrow('mine');
    await expect(index.search(query, { k: 1, filter })).rejects.toThrow('mine');
  });

  it('sees the rows of the call, and the queries of the call', async () => {
    const own = new FlatIndex({ dims: 8 });
    own.add(corpus);
    const mine = new Embeddings(query.data.slice(), 2, 8);
    const wanted = own.searchSync(mine, { k: 5, filter: third });
    const search = own.search(mine, { k: 5, filter: third });
    mine.data.fill(1);
    own.remove(wanted.ids);
    own.add(query, [30_000, 30_003]);
    const found = await search;
    expect(found.ids).toEqual(wanted.ids);
    expect(found.scores).toEqual(wanted.scores);
  });

  it('by many ids knows no less of rows that are updated meanwhile', async () => {
    const own = new FlatIndex({ dims: 8 });
    own.add(corpus);
    const search = own.search(query, { k: 1, filter: [...own.ids(), 'unknown'] });
    own.update(randomMatrix(1, 8, 8), [7]);
    await search;
    expect(own.has(7)).toBe(true);
    expect(() => own.add(randomMatrix(1, 8, 9), [7])).toThrow(code('ERR_INVALID_ARG'));
  });

  it('refuses other arrays', () => {
    expect(() => index.searchSync(query, { k: 1, filter: new Uint32Array(4) as never })).toThrow(
      code('ERR_DTYPE'),
    );
  });
});

describe('abort', () => {
  it('stops a search before, in its filter and in its scan', async () => {
    const index = new FlatIndex({ dims: 128 });
    index.add(randomMatrix(20_000, 128, 10));
    const queries = randomMatrix(2_000, 128, 11);
    const aborted = code('ERR_ABORTED');
    await expect(index.search(queries, { k: 3, signal: AbortSignal.abort() })).rejects.toThrow(aborted);
    const slow = index.search(queries, { k: 3, filter: () => true, signal: AbortSignal.timeout(1) });
    await expect(slow).rejects.toThrow(aborted);
    const controller = new AbortController();
    const search = index.search(queries, { k: 3, threads: 1, signal: controller.signal });
    setTimeout(() => controller.abort(), 5);
    await expect(search).rejects.toThrow(aborted);
  });
});
