import { cp, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Embeddings, FlatIndex } from 'embedlane';
import { describe, expect, it } from 'vitest';
import { createFallback } from '#dist/native/fallback/index.js';
import { loadBinding } from '#dist/native/load.js';
import { code, contentsOf, matrixOf, randomMatrix, temporaryFolder } from './support.js';

const folder = await temporaryFolder();

describe('accelerate: int8', () => {
  const dims = 96;
  const corpus = randomMatrix(4_000, dims, 7);
  // Near duplicates, a zero row, and rows of very different sizes.
  for (let row = 0; row < 50; row++) corpus.row(row + 100).set(corpus.row(row).map((x) => x + 1e-6 * row));
  corpus.row(7).fill(0);
  corpus.row(8).fill(1e15);
  corpus.row(9).fill(1e-15);
  const queries = randomMatrix(40, dims, 8);

  it.each(['cosine', 'dot', 'l2'] as const)(
    'finds the same rows with the same scores: %s',
    async (metric) => {
      const plain = new FlatIndex({ dims, metric });
      const fast = new FlatIndex({ dims, metric, accelerate: 'int8' });
      for (const index of [plain, fast]) {
        index.add(corpus);
        index.remove([3, 4, 3_999]);
        index.upsert(
          queries,
          Array.from({ length: 40 }, (_, i) => i * 3),
        );
      }
      const path = join(folder, `accelerated-${metric}`);
      await fast.save(path);
      const mapped = await FlatIndex.open(path);
      await fast.save(`${path}-copy`);
      const reader = await FlatIndex.open(`${path}-copy`, { mode: 'memory' });
      mapped.add(queries);
      plain.add(queries);
      fast.add(queries);
      reader.add(queries);
      for (const count of [1, 4, 40]) {
        const asked = new Embeddings(queries.data.slice(0, count * dims), count, dims);
        for (const options of [
          { k: 10 },
          { k: 10, filter: (id: unknown) => Number(id) % 3 === 0 },
          { k: 700 },
        ]) {
          const wanted = plain.searchSync(asked, options);
          for (const index of [fast, mapped, reader]) {
            const found = await index.search(asked, options);
            expect(found.scores).toEqual(wanted.scores);
            expect(found.ids).toEqual(wanted.ids);
          }
        }
        const radius = metric === 'l2' ? 12 : metric === 'dot' ? 20 : 0.2;
        expect(fast.rangeSearchSync(asked, { radius }).ids).toEqual(
          plain.rangeSearchSync(asked, { radius }).ids,
        );
      }
      const { scored } = fast.searchSync(queries, { k: 10 });
      expect(scored).toBeGreaterThanOrEqual(400);
      expect(scored).toBeLessThan(40 * 4_000);
      await mapped.close();
      await reader.close();
    },
  );

  it('is for floats, and nothing else is known', () => {
    for (const dtype of ['f16', 'i8', 'b1'] as const) {
      expect(() => new FlatIndex({ dims, dtype, accelerate: 'int8' })).toThrow(code('ERR_INVALID_ARG'));
    }
    expect(() => new FlatIndex({ dims, accelerate: 'hnsw' as never })).toThrow(code('ERR_INVALID_ARG'));
  });
});

/** Vectors around a few hundred centres, as embeddings are, so that neighbours exist. */
function clusteredMatrix(rows: number, dims: number, seed: number): Embeddings {
  const centres = randomMatrix(200, dims, 90);
  const noise = randomMatrix(rows, dims, seed);
  for (let row = 0; row < rows; row++) {
    const centre = centres.row((row * 7919 + seed) % 200);
    for (let i = 0; i < dims; i++) noise.row(row)[i] = centre[i] + 0.6 * noise.row(row)[i];
  }
  return noise;
}

describe('accelerate: binary', () => {
  const dims = 200;
  const corpus = clusteredMatrix(2_000, dims, 7);
  const queries = clusteredMatrix(10, dims, 8);
  const k = 10;

  /** By the book: the signs that differ least, ties by age, then the best of these by score. */
  function reference(rescore: number, metric: 'cosine' | 'dot' | 'l2', removed: ReadonlySet<number>) {
    const exact = new FlatIndex({ dims, metric });
    exact.add(corpus);
    return Array.from(queries, (query) => {
      const differing = Array.from(corpus, (row, id) => {
        return { id, bits: row.reduce((sum, x, i) => sum + Number(x > 0 !== query[i] > 0), 0) };
      });
      const filter = differing
        .filter(({ id }) => !removed.has(id))
        .sort((a, b) => a.bits - b.bits || a.id - b.id)
        .slice(0, rescore * k)
        .map(({ id }) => id);
      return exact.searchSync(new Embeddings(query, 1, dims), { k, filter }).get(0);
    });
  }

  it.each(['cosine', 'dot', 'l2'] as const)(
    'finds the best of those with the nearest signs: %s',
    async (metric) => {
      const index = new FlatIndex({ dims, metric, accelerate: 'binary' });
      for (let row = 0; row < 2_000; row += 500) {
        index.add(new Embeddings(corpus.data.slice(row * dims, (row + 500) * dims), 500, dims));
      }
      const removed = [5, 17, 1_400];
      index.remove(removed);
      const path = join(folder, `binary-${metric}`);
      await index.save(path);
      const mapped = await FlatIndex.open(path);
      const read = await FlatIndex.open(path, { mode: 'memory' });
      for (const rescore of [1, 4]) {
        const wanted = reference(rescore, metric, new Set(removed));
        for (const source of [index, mapped, read]) {
          for (const found of [
            source.searchSync(queries, { k, rescore }),
            source.searchSync(queries, { k, rescore, threads: 1 }),
            await source.search(queries, { k, rescore }),
          ]) {
            expect(Array.from({ length: 10 }, (_, i) => found.get(i))).toEqual(wanted);
            expect(found.scored).toBe(10 * rescore * k);
          }
        }
      }
      expect((await mapped.search(queries, { k })).ids).toEqual(
        index.searchSync(queries, { k, rescore: 10 }).ids,
      );
      await mapped.close();
      await read.close();
    },
  );

  it('is exact when every row is a candidate, and within a radius', async () => {
    const plain = new FlatIndex({ dims });
    const fast = new FlatIndex({ dims, accelerate: 'binary' });
    for (const index of [plain, fast]) index.add(corpus);
    const wanted = plain.searchSync(queries, { k });
    expect(fast.searchSync(queries, { k, rescore: 200 }).ids).toEqual(wanted.ids);
    expect(fast.rangeSearchSync(queries, { radius: 0.6 }).ids).toEqual(
      plain.rangeSearchSync(queries, { radius: 0.6 }).ids,
    );
    const filter = (id: unknown) => Number(id) % 40 === 0;
    const few = await fast.search(queries, { k, filter });
    expect(few.ids).toEqual(plain.searchSync(queries, { k, filter }).ids);
    const near = fast.searchSync(queries, { k, radius: 0.7 });
    for (const score of near.scores) expect(score).toBeGreaterThanOrEqual(Math.fround(0.7));
    const recall = found(fast.searchSync(queries, { k }).ids, wanted.ids);
    expect(recall).toBeGreaterThan(0.8);
  });

  it('finds as much with each row more that it may look at', () => {
    const index = new FlatIndex({ dims, accelerate: 'binary' });
    index.add(corpus);
    const exact = index.searchSync(queries, { k, rescore: 200 }).ids;
    const recalls = [1, 4, 16, 64].map((rescore) =>
      found(index.searchSync(queries, { k, rescore }).ids, exact),
    );
    expect(recalls).toEqual(recalls.toSorted((a, b) => a - b));
    expect(recalls[3]).toBeGreaterThan(0.99);
  });

  it('is the same without the addon', () => {
    const stores = [loadBinding(), createFallback()].map((binding) => {
      const store = binding.createRowStore(dims, 'f32', 'binary');
      expect(store.append(corpus.data.slice() as Float32Array<ArrayBuffer>)).toBe(-1);
      return store;
    });
    const allowed = new Uint32Array(63).fill(0xfeedbeef);
    const common = { queries: queries.data as Float32Array<ArrayBuffer>, k, radius: null, threads: 2 };
    for (const search of [
      { ...common, metric: 'cosine', rows: 2_000, allowed: null, candidates: 40 },
      { ...common, metric: 'l2', rows: 1_999, allowed, candidates: 15 },
    ] as const) {
      expect(stores[0].searchSync(search)).toMatchObject(
        pick(stores[1].searchSync(search), ['offsets', 'indices', 'scores']),
      );
    }
  });

  it('stops when it is aborted', async () => {
    const index = new FlatIndex({ dims, accelerate: 'binary' });
    index.add(corpus);
    const many = clusteredMatrix(3_000, dims, 9);
    const controller = new AbortController();
    const search = index.search(many, { k, threads: 1, signal: controller.signal });
    setImmediate(() => controller.abort());
    await expect(search).rejects.toThrow(code('ERR_ABORTED'));
  });

  it.each([0, 1.5, -1, 10_001, Number.NaN, '4'])('refuses rescore %s', (rescore) => {
    const index = new FlatIndex({ dims, accelerate: 'binary' });
    expect(() => index.searchSync(queries, { k, rescore: rescore as number })).toThrow(
      code('ERR_INVALID_ARG'),
    );
  });

  it('alone knows rescore, and only floats know it', () => {
    const plain = new FlatIndex({ dims, accelerate: 'int8' });
    expect(() => plain.searchSync(queries, { k, rescore: 4 })).toThrow(code('ERR_INVALID_ARG'));
    const binary = new FlatIndex({ dims, accelerate: 'binary' });
    expect(() => binary.rangeSearchSync(queries, { radius: 1, rescore: 4 } as never)).toThrow(
      code('ERR_INVALID_ARG'),
    );
    expect(() => new FlatIndex({ dims, dtype: 'f16', accelerate: 'binary' })).toThrow(
      code('ERR_INVALID_ARG'),
    );
  });
});

const pick = <T extends object, K extends keyof T>(value: T, names: K[]) =>
  Object.fromEntries(names.map((name) => [name, value[name]]));

/** Share of the hits that are there. */
function found(ids: readonly unknown[], wanted: readonly unknown[]): number {
  let hits = 0;
  for (let at = 0; at < wanted.length; at += 10) {
    const there = new Set(ids.slice(at, at + 10));
    hits += wanted.slice(at, at + 10).filter((id) => there.has(id)).length;
  }
  return hits / wanted.length;
}

describe('codes on the disk', () => {
  const dims = 64;

  it.each(['int8', 'binary'] as const)('are mapped like the rows, not made again: %s', async (accelerate) => {
    const index = new FlatIndex({ dims, accelerate });
    index.add(randomMatrix(3_000, dims, 5));
    const path = join(folder, `mapped-${accelerate}`);
    await index.save(path);
    const mapped = await FlatIndex.open(path, { verify: 'full' });
    expect(mapped.stats().memoryBytes).toBe(0);
    // Through the log, through a segment, and compacted.
    mapped.add(randomMatrix(20, dims, 6));
    await mapped.flush();
    mapped.remove([1, 2, 3]);
    await mapped.compact();
    expect(mapped.stats()).toMatchObject({ rows: 3_017, memoryBytes: 0 });
    const queries = randomMatrix(9, dims, 7);
    const wanted = mapped.searchSync(queries, { k: 5 });
    await mapped.verify();
    await mapped.close();
    const again = await FlatIndex.open(path);
    expect(again.searchSync(queries, { k: 5 })).toMatchObject({ ids: wanted.ids, scores: wanted.scores });
    await again.close();
  });

  it.each(['v1', 'v1-int8'])('are made where an older release wrote none: %s', async (name) => {
    const path = join(folder, name);
    await cp(new URL(`../fixtures/index/${name}`, import.meta.url), path, { recursive: true });
    const index = await FlatIndex.open(path, { verify: 'full' });
    expect(index.size).toBe(26);
    const rows = Float32Array.from({ length: 28 * 16 }, (_, i) => Math.fround(Math.sin(i * 0.7)));
    const ids = Array.from({ length: 28 }, (_, i) => (i < 24 && i % 3 ? `row ${i}` : i < 24 ? i : i - 2));
    const kept = ids.map((id, i) => [id, Array.from(rows.subarray(i * 16, i * 16 + 16))]);
    expect(contentsOf(index)).toEqual(kept.filter(([id]) => id !== 'row 1' && id !== 3));
    const plain = new FlatIndex({ dims: 16 });
    for (const { id, vector } of index) plain.add(matrixOf(Array.from(vector)), [id]);
    const queries = randomMatrix(5, 16, 3);
    expect(index.searchSync(queries, { k: 7 }).ids).toEqual(plain.searchSync(queries, { k: 7 }).ids);
    await index.compact();
    await index.close();
    const again = await FlatIndex.open(path, { verify: 'full' });
    expect(contentsOf(again)).toEqual(contentsOf(plain));
    await again.close();
  });
});

describe("verify: 'lazy'", () => {
  const dims = 256;

  /** An index of 2 MB with one bit of its segment flipped. */
  async function damaged(name: string, at: number): Promise<string> {
    const index = new FlatIndex({ dims, accelerate: 'int8' });
    index.add(randomMatrix(2_000, dims, 4));
    const path = join(folder, name);
    await index.save(path);
    const segment = join(path, (await readdir(path)).find((file) => file.endsWith('.seg')) as string);
    const bytes = await readFile(segment);
    bytes[at] ^= 4;
    await writeFile(`${segment}.new`, bytes);
    await rename(`${segment}.new`, segment);
    return path;
  }

  const corrupt = code('ERR_CORRUPT');
  const rowsEnd = 4096 + 2_000 * dims * 4;

  it.each([
    ['the first row', 4096],
    ['the last row', rowsEnd - 1],
    ['the last code', rowsEnd + 2_000 * (dims + 12) - 1],
  ])('looks at the ends of the rows and codes: %s', async (name, at) => {
    await expect(FlatIndex.open(await damaged(name, at))).rejects.toThrow(corrupt);
  });

  it.each([
    ['a row', 4096 + 70_000],
    ['a code', rowsEnd + 4 * 65_536 + 100],
  ])('checks all in the background once they are read: %s', async (name, at) => {
    const index = await FlatIndex.open(await damaged(name, at));
    const query = randomMatrix(1, dims, 9);
    // Nobody has read rows yet.
    expect(index.has(3)).toBe(true);
    index.searchSync(query, { k: 1 });
    await expect
      .poll(() => index.search(query, { k: 1 }).catch((error) => error), { timeout: 30_000 })
      .toEqual(corrupt);
    expect(() => index.get(0)).toThrow(corrupt);
    expect(() => [...index]).toThrow(corrupt);
    await expect(index.verify()).rejects.toThrow(corrupt);
    await index.close();
  });

  it('ends with the index, and does not keep the process alive', async () => {
    const index = await FlatIndex.open(await damaged('closed', 4096 + 70_000));
    index.searchSync(randomMatrix(1, dims, 9), { k: 1 });
    await index.close();
    await expect(index.search(randomMatrix(1, dims, 9), { k: 1 })).rejects.toThrow(code('ERR_CLOSED'));
  });
});
