import { join } from 'node:path';
import { LocalStore } from 'embedlane/stores';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Columns } from '#dist/stores/local/columns.js';
import { RecordDatabase } from '#dist/stores/local/database.js';
import { DatabaseThread } from '#dist/stores/local/database-thread.js';
import { temporaryFolder } from '../cli/support.js';

afterEach(() => void vi.restoreAllMocks());

const vectorOf = (i: number) => [i, 1];
const record = (i: number, metadata = { n: i }) => ({ id: `id${i}`, vector: vectorOf(i), metadata });

async function storeOf(name: string): Promise<{ path: string; store: LocalStore }> {
  const path = join(await temporaryFolder(), name);
  const store = await LocalStore.open(path);
  await store.create({ dims: 2, metric: 'l2' });
  await store.upsert([record(0), record(1)]);
  return { path, store };
}

/** Questions to databases are answered by this. */
function answerWith(answer: (ask: () => Promise<unknown>, method: string) => Promise<unknown>): void {
  const { call } = DatabaseThread.prototype;
  vi.spyOn(DatabaseThread.prototype, 'call').mockImplementation(function (
    this: DatabaseThread,
    ...question: Parameters<DatabaseThread['call']>
  ) {
    return answer(() => call.apply(this, question), question[0]) as never;
  });
}

/** The database does what it is asked, but the answer is lost: as if its thread had ended just then. */
function loseAnswer(lost: string): void {
  answerWith(async (ask, method) => {
    const answer = await ask();
    if (method !== lost) return answer;
    vi.restoreAllMocks();
    throw new Error('the answer is lost');
  });
}

const found = async (store: LocalStore, options = {}) =>
  (await store.search([0, 1], { k: 10, ...options })).map(({ id, score }) => [id, score]);

describe('a local store whose database has committed a change but does not say so', () => {
  it('keeps the vectors of the records that were written', async () => {
    const { path, store } = await storeOf('written');
    loseAnswer('write');
    await expect(store.upsert([record(2), { ...record(1), vector: [5, 1] }])).rejects.toThrow('is lost');
    const all = [
      ['id0', 0],
      ['id2', 2],
      ['id1', 5],
    ];
    expect(await found(store, { include: ['metadata'] })).toEqual(all);
    expect(await found(store, { include: [] })).toEqual(all);
    await store.upsert([record(3)]);
    await store.close();
    await using again = await LocalStore.open(path);
    expect(await found(again)).toEqual([...all.slice(0, 2), ['id3', 3], all[2]]);
    expect(await again.count()).toBe(4);
  });

  it('finds no record that was deleted', async () => {
    const { path, store } = await storeOf('deleted');
    // The ids of what was found are kept.
    expect(await found(store, { include: [] })).toHaveLength(2);
    loseAnswer('delete');
    await expect(store.delete(['id0'])).rejects.toThrow('is lost');
    expect(await found(store, { include: [] })).toEqual([['id1', 1]]);
    await store.close();
    await using again = await LocalStore.open(path);
    expect(await found(again)).toEqual([['id1', 1]]);
  });

  it('drops the vectors of records that were not written', async () => {
    const { path, store } = await storeOf('refused');
    answerWith(async (ask, method) => {
      if (method === 'write') throw new Error('the disk is full');
      return ask();
    });
    await expect(store.upsert([record(2)])).rejects.toThrow('is full');
    vi.restoreAllMocks();
    expect(await found(store)).toHaveLength(2);
    await store.close();
    await using again = await LocalStore.open(path);
    expect(await found(again)).toHaveLength(2);
  });
});

it('has what it has committed, though there is no room to keep it for filters', async () => {
  const database = new RecordDatabase(join(await temporaryFolder(), 'records.db'), false);
  database.create({ dims: 2, metric: 'l2', dtype: 'f32' } as never);
  const row = (i: number) => ({ row: i, id: `id${i}`, document: undefined, metadata: { n: i } });
  const all = { kind: 'gte', field: 'n', value: 0 } as const;
  expect(database.write([row(0), row(1)])).toEqual([]);
  expect(database.count(all)).toBe(2);
  const noRoom = vi.spyOn(Columns.prototype, 'apply').mockImplementation(() => {
    throw new RangeError('Array buffer allocation failed');
  });
  expect(database.write([{ ...row(2), id: 'id1' }])).toEqual([1]);
  expect(database.delete(['id0'])).toEqual([0]);
  expect(noRoom).toHaveBeenCalled();
  noRoom.mockRestore();
  expect([database.count(all), database.count(undefined)]).toEqual([1, 1]);
  database.close();
});
