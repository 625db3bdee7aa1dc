import { join } from 'node:path';
import { LocalStore } from 'embedlane/stores';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../index/support.js';

const folder = await temporaryFolder();
const options = { k: 3, include: [] as const };
const query = [1, 0];

// Ids of found rows are kept, so each search is made twice.
async function ids(store: LocalStore, filter?: { field: string; eq: string }): Promise<string[]> {
  const search = async () => (await store.search(query, { ...options, filter })).map(({ id }) => id);
  const first = await search();
  expect(await search()).toEqual(first);
  return first;
}

it('finds what is there now, after changes of this process and of another', async () => {
  const path = join(folder, 'changing');
  await using store = await LocalStore.open(path);
  await store.create({ dims: 2, metric: 'dot' });
  const record = (id: string, x: number, tag: string) => ({ id, vector: [x, 1], metadata: { tag } });
  await store.upsert([record('a', 3, 'x'), record('b', 2, 'x'), record('c', 1, 'y')]);
  await using reader = await LocalStore.open(path, { readOnly: true });
  const filter = { field: 'tag', eq: 'x' };
  const expectBoth = async (all: string[], tagged: string[]) => {
    for (const each of [store, reader]) {
      expect(await ids(each)).toEqual(all);
      expect(await ids(each, filter)).toEqual(tagged);
    }
  };
  await expectBoth(['a', 'b', 'c'], ['a', 'b']);
  await store.upsert([record('b', 9, 'x')]);
  await expectBoth(['b', 'a', 'c'], ['b', 'a']);
  await store.delete(['a']);
  await expectBoth(['b', 'c'], ['b']);
  await store.upsert([record('a', 5, 'x'), record('b', 4, 'y')]);
  await expectBoth(['a', 'b', 'c'], ['a']);
  await store.delete({ filter });
  await expectBoth(['b', 'c'], []);
  expect((await store.search(query, { k: 1 }))[0]).toMatchObject({ id: 'b', metadata: { tag: 'y' } });
});
