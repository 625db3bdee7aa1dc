import type { VectorStore } from 'embedlane/stores';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../native/random.js';
import { DIMS, FILTERS, samples } from './data.js';
import { byteOrder, matches, ranking } from './oracle.js';
import { type ConformanceTarget, newCollection, withStore } from './target.js';

const COUNT = 240;

/** Exact answers, filters included, and what comes with a hit. */
export function searching(target: ConformanceTarget): void {
  const records = samples(COUNT);
  const query = new Random(99).vector(DIMS);

  describe.each(target.dtypes.f32 ?? [])('exact search by %s', (metric) => {
    it('gives the best records with their scores', async () => {
      await withStore(target, async (store) => {
        await store.create({ dims: DIMS, metric });
        await store.upsert(records);
        for (const k of [1, 10, COUNT + 5]) {
          const hits = await store.search(query, { k, exact: true });
          const expected = ranking(records, query, metric).slice(0, k);
          expect(hits.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
          hits.forEach(({ score }, i) => {
            expect(Math.abs(score - expected[i].score)).toBeLessThan(target.tolerance ?? 1e-5);
          });
        }
        const filter = { field: 'year', gte: 2010 };
        const hits = await store.search({ vector: query }, { k: 20, exact: true, filter });
        expect(hits.map(({ id }) => id)).toEqual(
          ranking(records, query, metric, filter)
            .slice(0, 20)
            .map(({ id }) => id),
        );
      });
    });
  });

  describe('filters', () => {
    const metric = target.dtypes.f32?.[0] ?? 'cosine';
    let store: VectorStore;
    beforeAll(async () => {
      store = await target.open(newCollection());
      await store.create({ dims: DIMS, metric });
      await store.upsert(records);
    });
    afterAll(async () => {
      await store.drop();
      await store.close();
    });

    it.each(Object.entries(FILTERS))('%s', async (_, filter) => {
      const expected = ranking(records, query, metric, filter).map(({ id }) => id);
      const hits = await store.search(query, { k: COUNT, exact: true, filter, include: [] });
      expect(hits.map(({ id }) => id)).toEqual(expected);
      expect(await store.count({ filter })).toBe(expected.length);
    });

    it('limits a scroll', async () => {
      const filter = FILTERS.or;
      const scrolled: string[] = [];
      for await (const { id } of store.scroll({ filter, include: [], batchSize: 7 })) scrolled.push(id);
      const expected = records.filter(({ metadata }) => matches(metadata, filter)).map(({ id }) => id);
      expect(scrolled).toEqual(expected.sort(byteOrder));
    });

    it('includes what is asked for, unchanged', async () => {
      const expected = new Map(records.map((record) => [record.id, record]));
      const [plain] = await store.search(query, { k: 1 });
      expect(Object.keys(plain).sort()).toEqual(['document', 'id', 'metadata', 'score']);
      expect(Object.keys((await store.search(query, { k: 1, include: [] }))[0]).sort()).toEqual([
        'id',
        'score',
      ]);
      for (const hit of await store.search(query, {
        k: COUNT,
        include: ['vector', 'document', 'metadata'],
      })) {
        const { score, ...record } = hit;
        expect(record).toEqual(expected.get(hit.id));
        expect(record.vector).toBeInstanceOf(Float32Array);
        expect(Number.isFinite(score)).toBe(true);
      }
    });
  });

  it.skipIf(target.dtypes.b1 === undefined)('counts the differing bits of binary vectors', async () => {
    await withStore(target, async (store) => {
      const dims = 24;
      const random = new Random(5);
      const binary = samples(80, 2).map((record) => ({ ...record, vector: random.vector(dims) }));
      await store.create({ dims, dtype: 'b1' });
      await store.upsert(binary);
      const expected = ranking(binary, binary[3].vector, 'hamming').slice(0, 10);
      const byFloats = await store.search(binary[3].vector, { k: 10, exact: true, include: ['vector'] });
      expect(byFloats[0].id).toBe(binary[3].id);
      // Which of equal ones are among the ten is open.
      expect(byFloats.map(({ score }) => score)).toEqual(expected.map(({ score }) => score));
      const packed = byFloats[0].vector as Uint8Array;
      expect(packed).toEqual(
        Uint8Array.from({ length: dims / 8 }, (_, byte) =>
          Array.from({ length: 8 }, (_, bit) =>
            binary[3].vector[8 * byte + bit] > 0 ? 0x80 >> bit : 0,
          ).reduce((a, b) => a + b),
        ),
      );
      const byBits = await store.search(packed, { k: 10, exact: true });
      expect(byBits.map(({ score }) => score)).toEqual(expected.map(({ score }) => score));
    });
  });

  it.skipIf(target.dtypes.f16 === undefined)('keeps vectors in 16 bits', async () => {
    await withStore(target, async (store) => {
      const metric = target.dtypes.f16?.[0];
      await store.create({ dims: DIMS, metric, dtype: 'f16' });
      await store.upsert(records);
      const [hit] = await store.search(records[7].vector, { k: 1, exact: true, include: ['vector'] });
      expect(hit.id).toBe(records[7].id);
      Array.from(hit.vector as Float32Array).forEach((value, i) => {
        expect(Math.abs(value - records[7].vector[i])).toBeLessThan(2e-3);
      });
    });
  });

  it.skipIf(target.dtypes.sparse === undefined)('ranks sparse vectors by inner product', async () => {
    await withStore(target, async (store) => {
      const sparse = (...pairs: [number, number][]) => ({
        indices: Uint32Array.from(pairs, ([index]) => index),
        values: Float32Array.from(pairs, ([, value]) => value),
      });
      await store.create({ dims: 30_000, dtype: 'sparse' });
      await store.upsert([
        { id: 'a', vector: sparse([0, 1], [29_999, 2]) },
        { id: 'b', vector: sparse([1, 1], [29_999, 0.5]) },
        { id: 'c', vector: sparse([7, 1]) },
      ]);
      const hits = await store.search(sparse([1, 0.25], [29_999, 1]), {
        k: 2,
        exact: true,
        include: ['vector'],
      });
      expect(hits.map(({ id, score }) => [id, score])).toEqual([
        ['a', 2],
        ['b', 0.75],
      ]);
      expect(hits[1].vector).toEqual(sparse([1, 1], [29_999, 0.5]));
    });
  });

  it.skipIf(!target.hybrid)('merges the ranking of the words with the one of the vectors', async () => {
    await withStore(target, async (store) => {
      await store.create({ dims: 2, metric: 'l2' });
      await store.upsert([
        { id: 'near', vector: [1, 0], document: 'a stone bridge', metadata: { n: 1 } },
        { id: 'both', vector: [0.9, 0.1], document: 'the lantern in the harbour', metadata: { n: 2 } },
        { id: 'word', vector: [-5, 5], document: 'lantern, lantern!', metadata: { n: 3 } },
        { id: 'none', vector: [-9, 9], document: 'nothing of it', metadata: { n: 4 } },
      ]);
      const hybrid = { words: `lantern "' OR ( harbour` };
      const hits = await store.search([1, 0], { k: 3, hybrid });
      expect(hits[0].id).toBe('both');
      expect(hits.map(({ id }) => id).sort()).toEqual(['both', 'near', 'word']);
      expect(hits[0].document).toBe('the lantern in the harbour');
      const filtered = await store.search([1, 0], { k: 3, hybrid, filter: { field: 'n', ne: 2 } });
      expect(filtered.map(({ id }) => id)).not.toContain('both');
      const wordless = await store.search([1, 0], { k: 2, hybrid: { words: '"()*' } });
      expect(wordless.map(({ id }) => id)).toEqual(['near', 'both']);
    });
  });
}
