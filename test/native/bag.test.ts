import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  MOST_TOKENS_PER_UNIT,
  type NativeBinding,
  type VectorTable,
  type WordPieceHandle,
} from '#dist/native/binding.js';
import { createFallback } from '#dist/native/fallback/index.js';
import { loadBinding } from '#dist/native/load.js';
import { joinStrings } from '#dist/text/word-piece/strings.js';
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

const levels = implementations().filter(({ use }) => use().embedWordPiece !== undefined);
const hasAddon = levels.length > 0;

/** A tokenizer of a few words and their pieces, the ids of which are rows of a table. */
async function fewWords(addon: NativeBinding) {
  const vocabulary = ['[UNK]', 'cat', 'cats', 'dog', '##s', '##ma', 'a', '.', 'fifteen15letter', '##x'];
  const spec = {
    vocabulary: joinStrings(vocabulary),
    ids: Uint32Array.from(vocabulary.keys()),
    added: joinStrings(['[SEP]']),
    addedIds: Uint32Array.from([vocabulary.length]),
    prefix: joinStrings(['##']).units,
    fold: true,
    unknown: 0,
    mostCharacters: 100,
  };
  const tokenizer = await addon.createWordPiece?.(spec, 2);
  return { tokenizer: tokenizer as WordPieceHandle, rows: vocabulary.length + 1 };
}

describe.skipIf(!hasAddon).each(levels)('embedWordPiece at level $name', ({ use }) => {
  // The fourth has a mark whose tokens depend on its neighbours, which the addon leaves to others.
  const words = ['Cats dogs', '', 'cat [SEP] fifteen15letterx.', '\u302e cat', 'dogmas a'];
  const texts = Array.from({ length: 700 }, (_, i) => words[i % words.length].repeat(1 + (i % 9)));

  it.each([
    [false, 33, false, { most: 2 ** 32 - 1, fromEnd: false, dropUnknown: false }],
    [true, 20, false, { most: 3, fromEnd: true, dropUnknown: false }],
    [false, 20, true, { most: 3, fromEnd: false, dropUnknown: true }],
  ])(
    'gives the bits of encodeWordPiece and bagMeans: normalize %s, kept %i, then %s, %j',
    async (normalize, kept, normalizeKept, limits) => {
      const addon = use();
      const { tokenizer, rows } = await fewWords(addon);
      const dims = 33;
      const table = Float32Array.from({ length: rows * dims }, (_, i) => Math.sin(i + 1));
      const strings = joinStrings(texts);
      const bags = {
        ids: new Uint32Array(strings.units.length * MOST_TOKENS_PER_UNIT),
        ends: new Uint32Array(texts.length),
        known: new Uint8Array(texts.length),
      };
      await addon.encodeWordPiece?.(tokenizer, strings, limits, bags);
      const ids = bags.ids.subarray(0, bags.ends.at(-1));
      const expected = new Float32Array(texts.length * kept);
      await addon.bagMeans(table, dims, ids, bags.ends, normalize, kept, normalizeKept, expected);
      const into = {
        means: new Float32Array(texts.length * kept).fill(7),
        counts: new Uint32Array(texts.length).fill(7),
        known: new Uint8Array(texts.length).fill(7),
      };
      const plan = { dims, normalize, kept, normalizeKept };
      await addon.embedWordPiece?.(tokenizer, strings, limits, table, plan, into);
      expect(into.known).toEqual(bags.known);
      expect(into.known.filter((known) => known === 0)).toHaveLength(140);
      expect(into.counts).toEqual(bags.ends.map((end, i) => end - (bags.ends[i - 1] ?? 0)));
      expect(new Uint32Array(into.means.buffer)).toEqual(new Uint32Array(expected.buffer));
    },
  );
});

describe.skipIf(!hasAddon)('the addon', () => {
  const addon = loadBinding();

  it('refuses tables without a row for each token, and results of another size', async () => {
    const { tokenizer, rows } = await fewWords(addon);
    const strings = joinStrings(['cat', 'dog']);
    const limits = { most: 10, fromEnd: false, dropUnknown: false };
    const call = (tableRows: number, means: number, counts: number, known: number) =>
      addon.embedWordPiece?.(
        tokenizer,
        strings,
        limits,
        new Float32Array(tableRows * 2),
        { dims: 2, normalize: false, kept: 2, normalizeKept: false },
        {
          means: new Float32Array(means),
          counts: new Uint32Array(counts),
          known: new Uint8Array(known),
        },
      );
    await expect(call(rows - 1, 4, 2, 2)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
    for (const [means, counts, known] of [
      [3, 2, 2],
      [4, 1, 2],
      [4, 2, 1],
    ]) {
      await expect(call(rows, means, counts, known)).rejects.toMatchObject({ code: 'ERR_DIMENSION' });
    }
    await expect(call(rows, 4, 2, 2)).resolves.toBeUndefined();
  });

  it('maps values within a file, and refuses what is no table', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'embedlane-table-'));
    const file = join(folder, 'values');
    await writeFile(file, Buffer.from(Float32Array.of(9, 1, 2, 3, 4).buffer));
    const out = new Float32Array(2);
    const mean = (table: VectorTable) =>
      addon.bagMeans(table, 2, Uint32Array.of(0, 1), Uint32Array.of(2), false, 2, false, out);
    await mean(addon.mapTable?.(file, 4, 4) as VectorTable);
    expect(out).toEqual(Float32Array.of(2, 3));
    for (const [begin, length] of [
      [4, 5],
      [2, 2],
      [24, 1],
      [0, 2 ** 40],
    ]) {
      expect(() => addon.mapTable?.(file, begin, length)).toThrow(/within the file/);
    }
    await rm(folder, { recursive: true });
    expect(() => addon.mapTable?.(file, 0, 1)).toThrow(expect.objectContaining({ code: 'ERR_IO' }));
    const { tokenizer } = await fewWords(addon);
    await expect(mean(tokenizer as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
  });

  it('takes memory of any size and place for large pages, which changes nothing in it', () => {
    for (const length of [0, 1, 3 * 2 ** 20]) {
      const data = new Float32Array(length + 1).subarray(1).fill(5);
      addon.preferLargePages(data);
      expect(data.every((value) => value === 5)).toBe(true);
    }
    addon.preferLargePages(new Uint16Array(3 * 2 ** 20).subarray(1));
  });

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
    const spec = {
      vocabulary: strings,
      ids: Uint32Array.from([7]),
      added: none,
      addedIds: new Uint32Array(0),
      prefix: new Uint16Array([35, 35]),
      fold: true,
      unknown: 3,
      mostCharacters: 100,
    };
    const tokenizer = await addon.createWordPiece?.(spec, 1);
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
