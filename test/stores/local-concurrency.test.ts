import { join } from 'node:path';
import { expect, it } from 'vitest';
import { LocalStore } from '#dist/stores/index.js';
import { temporaryFolder } from '../cli/support.js';

const RECORDS = 5;
const CHANGES = 100;

const ids = Array.from({ length: RECORDS }, (_, i) => `id${i}`);

/** The same records again and again, always with other vectors and metadata: each has a new row every time. */
const records = (change: number) =>
  ids.map((id, i) => ({ id, vector: [Math.cos(i + change), Math.sin(i + change), 1], metadata: { change } }));

async function storeOf(folder: string): Promise<LocalStore> {
  const store = await LocalStore.open(folder);
  await store.create({ dims: 3 });
  await store.upsert(records(0));
  return store;
}

/**
 * Searches several times side by side while `writer` changes its records.
 *
 * @param isRight whether a search may find these, sorted
 * @returns what was found but is not, and errors
 */
async function searchDuringChanges(
  writer: LocalStore,
  searched: LocalStore,
  isRight: (found: string[]) => boolean,
): Promise<unknown[]> {
  const wrong: unknown[] = [];
  let isOver = false;
  const options = [
    {},
    { include: ['metadata' as const] },
    { include: ['vector' as const] },
    { filter: { field: 'change', gte: 0 } },
  ];
  const searchers = [...options, ...options].map(async (other) => {
    while (!isOver) {
      try {
        const found = (await searched.search([1, 0, 0], { k: 2 * RECORDS, ...other })).map(({ id }) => id);
        if (!isRight(found.toSorted())) wrong.push(found);
      } catch (error) {
        wrong.push(error);
      }
    }
  });
  for (let change = 1; change <= CHANGES; change++) await writer.upsert(records(change));
  isOver = true;
  await Promise.all(searchers);
  return wrong;
}

it('finds every record once while all of them are replaced', async () => {
  await using store = await storeOf(join(await temporaryFolder(), 'store'));
  const isAll = (found: string[]) => found.join() === ids.join();
  expect(await searchDuringChanges(store, store, isAll)).toEqual([]);
});

it('lets several searches of a reader go on while it takes in what another store has written', async () => {
  const folder = join(await temporaryFolder(), 'store');
  await using writer = await storeOf(folder);
  await using reader = await LocalStore.open(folder, { readOnly: true });
  const isOnce = (found: string[]) => new Set(found).size === found.length;
  expect(await searchDuringChanges(writer, reader, isOnce)).toEqual([]);
  expect((await reader.search([1, 0, 0], { k: 2 * RECORDS })).map(({ id }) => id).toSorted()).toEqual(ids);
});

it('reads the records of a search as they are at one moment, however many another store changes', async () => {
  const folder = join(await temporaryFolder(), 'store');
  await using writer = await LocalStore.open(folder);
  const many = (change: number) =>
    Array.from({ length: 300 }, (_, i) => ({ id: `id${i}`, vector: [i, change, 1], metadata: { change } }));
  await writer.create({ dims: 3 });
  await writer.upsert(many(0));
  await using reader = await LocalStore.open(folder, { readOnly: true });
  const torn: unknown[] = [];
  let isOver = false;
  const searching = (async () => {
    while (!isOver) {
      const found = await reader.search([1, 0, 0], { k: 600, include: ['metadata'] });
      const moments = new Set(found.map(({ metadata }) => metadata?.change));
      if (moments.size > 1 || new Set(found.map(({ id }) => id)).size < found.length) torn.push([...moments]);
    }
  })();
  for (let change = 1; change <= 60; change++) await writer.upsert(many(change));
  isOver = true;
  await searching;
  expect(torn).toEqual([]);
});
