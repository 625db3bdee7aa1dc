import type { StoreFilter, VectorStore } from 'embedlane/stores';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { HOSTILE_FIELDS } from './data.js';
import { matches } from './oracle.js';
import { type ConformanceTarget, newCollection, withStore } from './target.js';

/** Numbers that readers of JSON and of query languages get wrong in the last bit, by their type or by their sign. */
const NUMBERS = [
  0.30000000000000004,
  0.9567890123456789,
  -122.41941550000001,
  1000000000000000.5,
  1.2345678901234567e-30,
  -9.876543210987654e200,
  5e-324,
  Number.MAX_VALUE,
  2 ** 53,
  2 ** 60,
  -(2 ** 60),
  1234567890123456800,
  2 ** 63,
  -12345678901234567000,
  2 ** 70 + 2 ** 18,
  1e22,
  -1,
  -0.5,
];

/** What records say besides their vectors comes back as it was, and is compared as it is. */
export function metadata(target: ConformanceTarget): void {
  const metric = target.dtypes.f32?.[0] ?? 'cosine';
  const records = NUMBERS.map((number, i) => ({
    id: `${i}`,
    vector: [1, i],
    metadata: { number, among: [number, 'a', true, 3], text: String(number) },
  }));
  let store: VectorStore;
  beforeAll(async () => {
    store = await target.open(newCollection());
    await store.create({ dims: 2, metric });
    await store.upsert(records);
  });
  afterAll(async () => {
    await store.drop();
    await store.close();
  });

  it('keeps numbers to the last bit', async () => {
    const found = await store.get(records.map(({ id }) => id));
    expect(found.map((record) => record?.metadata)).toEqual(records.map((record) => record.metadata));
  });

  it.each(NUMBERS)('compares with %d', async (number) => {
    const filters: StoreFilter[] = [
      { field: 'number', eq: number },
      { field: 'number', in: [number, 'a', 7] },
      { field: 'number', gt: number },
      { field: 'number', gte: number },
      { not: { field: 'number', lt: number } },
      { field: 'among', contains: number },
    ];
    for (const filter of filters) {
      const expected = records.filter((record) => matches(record.metadata, filter)).length;
      expect([filter, await store.count({ filter })]).toEqual([filter, expected]);
    }
  });

  it('keeps arrays of several types in fields of any name', async () => {
    await withStore(target, async (other) => {
      await other.create({ dims: 2, metric });
      const fields = Object.fromEntries(HOSTILE_FIELDS.map((field, i) => [field, [i, 'a']]));
      await other.upsert([{ id: 'a', vector: [1, 2], metadata: fields }]);
      expect(await other.get(['a'])).toEqual([{ id: 'a', metadata: fields }]);
    });
  });
}
