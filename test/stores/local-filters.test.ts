import { join } from 'node:path';
import { LocalStore, type Metadata, type StoreFilter } from 'embedlane/stores';
import Libsql from 'libsql';
import { expect, it } from 'vitest';
import { compileFilter, NO_NUMBER, numbersThat } from '#dist/stores/filter/evaluate.js';
import { filterArgument } from '#dist/stores/filter/parse.js';
import { countBits } from '#dist/stores/local/bits.js';
import { BLOCK_ROWS, blockCodes, encodeBlock } from '#dist/stores/local/column-block.js';
import { Columns } from '#dist/stores/local/columns.js';
import { temporaryFolder } from '../index/support.js';

// Filters of the local store over more records than fit one block of its columns.

const folder = await temporaryFolder();
const ROWS = 2 * BLOCK_ROWS + 1_000;
const LONG = 'x'.repeat(600);

function metadataOf(i: number): Metadata {
  return {
    place: i,
    lang: ['de', 'en', 'fr'][i % 3],
    ...(i % 7 === 0 ? { tags: [`t${i % 5}`, 'all'] } : {}),
    ...(i % 2_000 === 1 ? { rare: true } : {}),
    // Too long, all together, for a dictionary.
    note: `${LONG}${i}`,
    // Strings, numbers and arrays that look alike.
    mixed: [1, '1', ['1'], true, 'true'][i % 5],
    ...(i % 3 === 0 ? { few: [-1.5, 0, 2e9, Number.MIN_VALUE][i % 4] } : {}),
  };
}

const FILTERS: StoreFilter[] = [
  { field: 'lang', eq: 'de' },
  { field: 'place', gte: 4_000, lt: 8_300 },
  { field: 'tags', contains: 't3' },
  { field: 'rare', eq: true },
  { not: { field: 'rare', eq: true } },
  { field: 'note', in: [`${LONG}5`, `${LONG}4999`, `${LONG}9000`] },
  { field: 'mixed', eq: 1 },
  { field: 'mixed', eq: '1' },
  { field: 'mixed', contains: '1' },
  { field: 'mixed', in: [true, 'true'] },
  { field: 'missing', ne: 3 },
  { field: 'mixed', gte: 0 },
  { field: 'mixed', lt: '2' },
  { not: { field: 'mixed', eq: 1 } },
  { field: 'few', gt: 0 },
  { field: 'few', in: [0, 2e9, 'x'] },
  { not: { field: 'few', lte: 0 } },
  {
    or: [
      {
        and: [
          { field: 'lang', ne: 'fr' },
          { field: 'place', gt: 9_000 },
        ],
      },
      { field: 'rare', eq: true },
    ],
  },
];

async function filled(
  name: string,
): Promise<{ path: string; store: LocalStore; held: Map<string, Metadata> }> {
  const path = join(folder, name);
  const store = await LocalStore.open(path);
  await store.create({ dims: 2, metric: 'dot' });
  const held = new Map<string, Metadata>();
  const records = Array.from({ length: ROWS }, (_, i) => ({
    id: `r${i}`,
    vector: Float32Array.of(1, i),
    metadata: metadataOf(i),
  }));
  await store.upsert(records);
  for (const { id, metadata } of records) held.set(id, metadata);
  return { path, store, held };
}

/** Compares searches, counts and scrolls with what the filter's definition says. */
async function check(store: LocalStore, held: ReadonlyMap<string, Metadata>): Promise<void> {
  for (const filter of FILTERS) {
    const passes = compileFilter(filterArgument('filter', filter));
    const wanted = [...held].filter(([, metadata]) => passes(metadata)).map(([id]) => id);
    expect([filter, await store.count({ filter })]).toEqual([filter, wanted.length]);
    const best = wanted.toSorted((a, b) => Number(b.slice(1)) - Number(a.slice(1))).slice(0, 20);
    // Twice: the second time, the matching rows are known.
    for (let i = 0; i < 2; i++) {
      const found = await store.search(Float32Array.of(0, 1), { k: 20, filter, include: [] });
      expect([filter, found.map(({ id }) => id)]).toEqual([filter, best]);
    }
  }
}

it('are right before and after the columns are written, changed and read again', async () => {
  const { path, store, held } = await filled('right');
  await check(store, held);
  const gone = [...held].filter(([, { lang }]) => lang === 'en').map(([id]) => id);
  await store.delete({ filter: { field: 'lang', eq: 'en' } });
  for (const id of gone) held.delete(id);
  const changed = ['r0', 'r4000', 'r9100'].map((id) => ({
    id,
    vector: Float32Array.of(1, Number(id.slice(1))),
    metadata: { lang: 'de', place: 4_500, rare: true, mixed: '1' },
  }));
  await store.upsert(changed);
  for (const { id, metadata } of changed) held.set(id, metadata);
  await check(store, held);
  await store.close();
  const again = await LocalStore.open(path, { readOnly: true });
  await check(again, held);
  await again.close();
});

it('are right for a reader while somebody writes', async () => {
  const { path, store, held } = await filled('reader');
  const reader = await LocalStore.open(path, { readOnly: true });
  const filter = { field: 'rare', eq: true } as const;
  const ids = async () => (await reader.search(Float32Array.of(0, 1), { k: 2, filter })).map(({ id }) => id);
  expect(await ids()).toEqual(['r8001', 'r6001']);
  await store.delete(['r8001']);
  expect(await ids()).toEqual(['r6001', 'r4001']);
  await store.upsert([{ id: 'r9999', vector: Float32Array.of(1, 9_999), metadata: { rare: true } }]);
  expect(await ids()).toEqual(['r9999', 'r6001']);
  held.delete('r8001');
  expect(await reader.count()).toBe(held.size + 1);
  await reader.close();
  await store.close();
});

it('are right in a store that has no columns yet, or damaged ones', async () => {
  const { path, store, held } = await filled('without');
  await store.close();
  const db = new Libsql(join(path, 'records.db'));
  const count = (what: string) =>
    (db.prepare(`SELECT count(*) FROM blocks WHERE ${what}`).raw(true).get() as [number])[0];
  // Two whole blocks of five fields, one of which has no dictionary, and that they are there.
  expect(count('"values" IS NOT NULL')).toBeGreaterThanOrEqual(2 * 4);
  expect(count('"values" IS NULL AND field = \'note\'')).toBe(2);
  db.exec('DROP TABLE blocks');
  const reader = await LocalStore.open(path, { readOnly: true });
  await check(reader, held);
  await reader.close();
  // The next change writes them.
  const writer = await LocalStore.open(path);
  await writer.upsert([{ id: 'r0', vector: Float32Array.of(1, 0), metadata: metadataOf(0) }]);
  expect(count("field = ''")).toBe(2);
  await check(writer, held);
  await writer.close();
  db.exec("UPDATE blocks SET codes = x'ffffffffffffff' WHERE field = 'lang'");
  const damaged = await LocalStore.open(path, { readOnly: true });
  expect(await damaged.count({ filter: { field: 'lang', eq: 'de' } })).toBeLessThan(ROWS / 3);
  await damaged.close();
  db.exec("UPDATE blocks SET \"values\" = 'no JSON' WHERE field = 'lang'");
  const worse = await LocalStore.open(path, { readOnly: true });
  await expect(worse.count({ filter: { field: 'lang', eq: 'de' } })).rejects.toThrow(
    expect.objectContaining({ code: 'ERR_CORRUPT' }),
  );
  await worse.close();
  db.close();
});

it('write blocks that are read as they were', () => {
  const records = [0, 1, 5, BLOCK_ROWS - 1].map((i) => ({
    row: 3 * BLOCK_ROWS + i,
    metadata: { a: i % 5, b: [i] },
  }));
  for (const [field, { values, codes }] of encodeBlock(3, records)) {
    const parsed = JSON.parse(values as string);
    const read = Array.from(blockCodes(codes, parsed.length)).flatMap((code, offset) => {
      return code === 0 ? [] : [[offset, parsed[code - 1]]];
    });
    expect(read).toEqual(
      records.map(({ row, metadata }) => [row - 3 * BLOCK_ROWS, metadata[field as 'a' | 'b']]),
    );
  }
});

it('are compared with numbers to the last bit', () => {
  const bounds = [0, -0, 1, -1, 0.1, 2 ** 53, Number.MAX_VALUE, -Number.MAX_VALUE, Number.MIN_VALUE, 1e-310];
  const numbers = [...bounds, ...bounds.map((value) => value * (1 + Number.EPSILON)), 5e-324, -5e-324, 3];
  for (const value of bounds) {
    for (const [comparison, passes] of [
      ['eq', (number: number) => number === value],
      ['gt', (number: number) => number > value],
      ['gte', (number: number) => number >= value],
      ['lt', (number: number) => number < value],
      ['lte', (number: number) => number <= value],
    ] as const) {
      const [from, to] = numbersThat(comparison, value);
      for (const number of numbers.filter(Number.isFinite)) {
        expect(number >= from && number <= to, `${number} ${comparison} ${value}`).toBe(passes(number));
      }
    }
  }
  expect(numbersThat('eq', '1')).toEqual(NO_NUMBER);
});

it('misses no record whose block another process writes while the field is read', () => {
  const rows = BLOCK_ROWS + 10;
  let covered = 0;
  const columns = new Columns({
    rowLimit: () => rows,
    rows: () => Array.from({ length: rows }, (_, row) => row),
    // biome-ignore lint/correctness/useYield: nothing has been written yet
    *blocks() {
      covered = 1;
    },
    covered: () => covered,
    *values(_field, start, end) {
      for (let row = start; row < end; row++) yield [row, '"de"'];
    },
  });
  expect(countBits(columns.matchLive(filterArgument('filter', { field: 'lang', eq: 'de' })!))).toBe(rows);
});
