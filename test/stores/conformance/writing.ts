import type { StoreRecord, VectorStore } from 'embedlane/stores';
import { describe, expect, it } from 'vitest';
import { code } from '../../index/support.js';
import { DIMS, HOSTILE_IDS, samples } from './data.js';
import { byteOrder } from './oracle.js';
import { type ConformanceTarget, newCollection, withStore } from './target.js';

const vector = (first: number) => Float32Array.from({ length: DIMS }, (_, i) => (i === 0 ? first : 1));

async function ids(store: VectorStore): Promise<string[]> {
  const found: string[] = [];
  for await (const { id } of store.scroll({ include: [] })) found.push(id);
  return found;
}

/** Storing, reading, deleting. */
export function writing(target: ConformanceTarget): void {
  const metric = target.dtypes.f32?.[0] ?? 'cosine';
  const created = (test: (store: VectorStore) => Promise<void>) =>
    withStore(target, async (store) => {
      await store.create({ dims: DIMS, metric });
      await test(store);
    });

  describe('collections', () => {
    it('are made once, described, and found again by another connection', async () => {
      const collection = newCollection();
      const store = await target.open(collection);
      expect(await store.info()).toBeUndefined();
      await expect(store.count()).rejects.toThrow(code('ERR_NOT_FOUND'));
      await expect(store.upsert([{ id: 'a', vector: vector(1) }])).rejects.toThrow(code('ERR_NOT_FOUND'));
      await store.create({ dims: DIMS, metric });
      expect(await store.info()).toEqual({ dims: DIMS, metric, dtype: 'f32' });
      await store.upsert([{ id: 'a', vector: vector(1), document: 'kept' }]);
      await store.create({ dims: DIMS, metric });
      expect(await store.count()).toBe(1);
      await expect(store.create({ dims: DIMS + 1, metric })).rejects.toThrow(code('ERR_CONFLICT'));
      await store.close();
      const again = await target.open(collection);
      expect(await again.info()).toEqual({ dims: DIMS, metric, dtype: 'f32' });
      expect(await again.get(['a'])).toEqual([{ id: 'a', document: 'kept', metadata: {} }]);
      await again.drop();
      await again.close();
    });

    it('are gone once they are dropped', async () => {
      await created(async (store) => {
        await store.upsert([{ id: 'a', vector: vector(1) }]);
        await store.drop();
        expect(await store.info()).toBeUndefined();
        await store.drop();
        await store.create({ dims: 3, metric });
        expect(await store.count()).toBe(0);
        await store.upsert([{ id: 'a', vector: [1, 2, 3] }]);
        expect(await store.count()).toBe(1);
      });
    });
  });

  describe('upsert', () => {
    it('replaces a record as a whole', async () => {
      await created(async (store) => {
        await store.upsert([{ id: 'a', vector: vector(1), document: 'first', metadata: { x: 1, y: 2 } }]);
        await store.upsert([{ id: 'a', vector: vector(2), metadata: { y: 3 } }]);
        const include = ['vector', 'document', 'metadata'] as const;
        expect(await store.get(['a'], { include })).toEqual([
          { id: 'a', vector: vector(2), metadata: { y: 3 } },
        ]);
        expect(await store.count()).toBe(1);
        expect(await store.search(vector(2), { k: 5, include: [] })).toHaveLength(1);
        expect(await store.count({ filter: { field: 'x', eq: 1 } })).toBe(0);
      });
    });

    it('takes the last of several records with one id', async () => {
      await created(async (store) => {
        const values = Array.from({ length: 9 }, (_, i) => i);
        const records = values.map((i) => ({ id: `id-${i % 3}`, vector: vector(i), metadata: { i } }));
        expect(await store.upsert(records, { batchSize: 4 })).toBe(9);
        expect((await store.get(['id-0', 'id-1', 'id-2'])).map((record) => record?.metadata?.i)).toEqual([
          6, 7, 8,
        ]);
        await store.upsert(records);
        expect(await store.count()).toBe(3);
      });
    });

    it('reads an iterable in batches and reports what is stored', async () => {
      await created(async (store) => {
        const records = samples(25);
        const reported: number[] = [];
        let read = 0;
        async function* stream() {
          for (const record of records) {
            read++;
            yield record;
          }
        }
        const onProgress = ({ completed }: { completed: number }) => {
          reported.push(completed);
          // No further ahead than the batch that is being prepared and the first of the next.
          expect(read).toBeLessThanOrEqual(completed + 11);
        };
        expect(await store.upsert(stream(), { batchSize: 10, onProgress })).toBe(25);
        expect(reported).toEqual([10, 20, 25]);
        expect(await ids(store)).toEqual(records.map(({ id }) => id).sort(byteOrder));
      });
    });

    it('says how many records are stored when one in the middle is bad', async () => {
      await created(async (store) => {
        async function* stream(): AsyncGenerator<StoreRecord> {
          for (let i = 0; i < 12; i++) yield { id: `id-${i}`, vector: vector(i) };
          yield { id: 'bad', vector: vector(Number.NaN) };
          yield { id: 'never', vector: vector(1) };
        }
        const failed = store.upsert(stream(), { batchSize: 5 });
        await expect(failed).rejects.toMatchObject({ code: 'ERR_INVALID_ARG', stored: 10 });
        await expect(failed).rejects.toThrow(/records\[12\] \(id "bad"\)/);
        expect(await store.count()).toBe(10);
        const broken = (async function* (): AsyncGenerator<StoreRecord> {
          yield { id: 'more', vector: vector(1) };
          throw new TypeError('the source broke');
        })();
        await expect(store.upsert(broken)).rejects.toThrow('the source broke');
        expect(await store.count()).toBe(10);
      });
    });

    it('stops when it is aborted', async () => {
      await created(async (store) => {
        const abort = new AbortController();
        const endless = (async function* (): AsyncGenerator<StoreRecord> {
          for (let i = 0; ; i++) yield { id: `id-${i}`, vector: vector(i) };
        })();
        const options = {
          batchSize: 5,
          signal: abort.signal,
          onProgress: ({ completed }: { completed: number }) => {
            if (completed >= 10) abort.abort();
          },
        };
        const failed = store.upsert(endless, options);
        await expect(failed).rejects.toMatchObject({ code: 'ERR_ABORTED', stored: 10 });
        expect(await store.count()).toBeGreaterThanOrEqual(10);
        const stuck = (async function* (): AsyncGenerator<StoreRecord> {
          yield await new Promise<StoreRecord>(() => {});
        })();
        const signal = AbortSignal.timeout(20);
        await expect(store.upsert(stuck, { signal })).rejects.toThrow(code('ERR_ABORTED'));
      });
    });

    it('may run several times at once, while others read', async () => {
      await created(async (store) => {
        const records = samples(60);
        const parts = [0, 20, 40].map((start) => records.slice(start, start + 20));
        await Promise.all([
          ...parts.map((part) => store.upsert(part, { batchSize: 3 })),
          ...parts.map(() => store.search(vector(1), { k: 5 })),
          store.upsert(parts[0], { batchSize: 7 }),
        ]);
        expect(await store.count()).toBe(60);
        expect(await ids(store)).toEqual(records.map(({ id }) => id).sort(byteOrder));
      });
    });
  });

  describe('reading', () => {
    it('gets records in the order of the ids', async () => {
      await created(async (store) => {
        const records = samples(20);
        await store.upsert(records);
        const wanted = [records[3].id, 'not there', records[1].id, records[3].id];
        const found = await store.get(wanted, { include: ['document'] });
        expect(found.map((record) => record?.id)).toEqual([wanted[0], undefined, wanted[2], wanted[0]]);
        expect(found[0]).toEqual({ id: records[3].id, document: records[3].document });
        expect(await store.get([])).toEqual([]);
      });
    });

    it('keeps ids apart byte for byte, and scrolls in their order', async () => {
      await created(async (store) => {
        await store.upsert(HOSTILE_IDS.map((id, i) => ({ id, vector: vector(i), metadata: { i } })));
        expect(await store.count()).toBe(HOSTILE_IDS.length);
        const found = await store.get(HOSTILE_IDS);
        expect(found.map((record) => record?.metadata?.i)).toEqual(HOSTILE_IDS.map((_, i) => i));
        const sorted = HOSTILE_IDS.slice().sort(byteOrder);
        for (const batchSize of [1, 5, 500]) {
          const scrolled: string[] = [];
          for await (const { id } of store.scroll({ batchSize })) scrolled.push(id);
          expect(scrolled).toEqual(sorted);
        }
        const rest: string[] = [];
        for await (const { id } of store.scroll({ after: sorted[4], batchSize: 3 })) rest.push(id);
        expect(rest).toEqual(sorted.slice(5));
      });
    });

    it('iterates over whole records', async () => {
      await created(async (store) => {
        const records = samples(10);
        await store.upsert(records);
        const found = [];
        for await (const record of store) found.push(record);
        expect(found).toEqual(records.sort((a, b) => byteOrder(a.id, b.id)));
      });
    });
  });

  describe('delete', () => {
    it('takes ids, and says how many there were', async () => {
      await created(async (store) => {
        const records = samples(20);
        await store.upsert(records);
        expect(await store.delete([records[0].id, 'not there', records[1].id, records[0].id])).toBe(2);
        expect(await store.delete([])).toBe(0);
        expect(await store.count()).toBe(18);
        expect(await store.get([records[0].id])).toEqual([undefined]);
        const hits = await store.search(records[0].vector, { k: 20, exact: true });
        expect(hits.map(({ id }) => id)).not.toContain(records[0].id);
        await store.upsert([records[0]]);
        expect(await store.count()).toBe(19);
      });
    });

    it('takes a filter', async () => {
      await created(async (store) => {
        const records = samples(30);
        await store.upsert(records);
        const filter = { field: 'year', lt: 2012 };
        const left = records.filter(({ metadata }) => !((metadata.year as number) < 2012));
        expect(await store.delete({ filter })).toBe(30 - left.length);
        expect(await ids(store)).toEqual(left.map(({ id }) => id).sort(byteOrder));
        expect(await store.delete({ filter })).toBe(0);
      });
    });
  });
}
