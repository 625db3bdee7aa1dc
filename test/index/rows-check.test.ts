import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EmbedlaneError, FlatIndex } from 'embedlane';
import { afterEach, expect, it } from 'vitest';
import { type FileSystem, useFiles } from '#dist/index/storage/files.js';
import { code, randomMatrix, temporaryFolder } from './support.js';

// The check in the background of an index that was mapped, while the disk fails now and then.

const folder = await temporaryFolder();
const DIMS = 256;
const ROWS = 4_000;
const query = randomMatrix(1, DIMS, 9);
const search = (index: FlatIndex) => index.search(query, { k: 1 });
const eio = (path: string) =>
  new EmbedlaneError('ERR_IO', `Failed at ${path}`, {
    cause: Object.assign(new Error('EIO'), { code: 'EIO' }),
  });

/** Asks until it is as expected; a busy machine takes its time. */
const poll = <T>(ask: () => Promise<T>) => expect.poll(ask, { timeout: 30_000 });

let putBack = () => {};
afterEach(() => putBack());

/** An index of 4 MB in a folder, one bit of its rows flipped at `damage`. */
async function saved(name: string, damage?: number): Promise<string> {
  const path = join(folder, name);
  const index = new FlatIndex({ dims: DIMS });
  index.add(randomMatrix(ROWS, DIMS, 4));
  await index.save(path);
  if (damage === undefined) return path;
  const segment = join(path, (await readdir(path)).find((file) => file.endsWith('.seg')) as string);
  const bytes = await readFile(segment);
  bytes[damage] ^= 1;
  await writeFile(segment, bytes);
  return path;
}

/** A disk on which opening, or reads from `from` on, fail while `broken` says so; counts the reads behind `from`. */
function failingReads(what: 'open' | 'read', from: number) {
  const state = { broken: true, failures: 0, reads: [] as number[] };
  const fail = (path: string) => {
    state.failures++;
    throw eio(path);
  };
  const watch = (disk: FileSystem): FileSystem => ({
    ...disk,
    async open(path, mode) {
      if (what === 'open' && state.broken) fail(path);
      const file = await disk.open(path, mode);
      return {
        ...file,
        async read(buffer, position) {
          if (what === 'read' && state.broken && position >= from && buffer.length > 65_536) fail(path);
          if (buffer.length > 65_536) state.reads.push(position);
          return file.read(buffer, position);
        },
      };
    },
  });
  return { state, watch };
}

it.each(['open', 'read'] as const)('reports that it could not %s, and goes on once it can', async (what) => {
  const index = await FlatIndex.open(await saved(`transient-${what}`));
  const { state, watch } = failingReads(what, 2 * 2 ** 20);
  putBack = useFiles(watch);
  const expected = (await search(index)).get(0);
  await poll(() => search(index).catch((error) => error)).toEqual(code('ERR_IO'));
  expect(() => index.get(0)).toThrow(code('ERR_IO'));
  // For as long as it lasts, every attempt is another one.
  const before = state.failures;
  await poll(() => search(index).catch(() => state.failures)).toBeGreaterThan(before + 1);
  state.broken = false;
  await poll(() =>
    search(index)
      .then((found) => found.get(0))
      .catch(() => undefined),
  ).toEqual(expected);
  // Every part was read once: the check went on from where it had stopped.
  await poll(async () => state.reads.at(-1)).toBeGreaterThan(3 * 2 ** 20);
  expect(state.reads).toEqual([...new Set(state.reads)].toSorted((a, b) => a - b));
  expect((await search(index)).get(0)).toEqual(expected);
  await index.close();
});

it('finds damage behind the place that could not be read, for good', async () => {
  // Behind the failing place, and not in one of the blocks that opening looks at.
  const index = await FlatIndex.open(await saved('damage-behind', 4096 + 3 * 2 ** 20 + 100));
  const { state, watch } = failingReads('read', 2 * 2 ** 20);
  putBack = useFiles(watch);
  await search(index);
  await poll(() => search(index).catch((error) => error)).toEqual(code('ERR_IO'));
  state.broken = false;
  await poll(() => search(index).catch((error) => error)).toEqual(code('ERR_CORRUPT'));
  state.broken = true;
  expect(() => index.get(0)).toThrow(code('ERR_CORRUPT'));
  await index.close();
});

it('reports nothing once the index is compacted: its rows are others then', async () => {
  const index = await FlatIndex.open(await saved('compacted'));
  const { state, watch } = failingReads('read', 2 * 2 ** 20);
  putBack = useFiles(watch);
  await search(index);
  await poll(() => search(index).catch((error) => error)).toEqual(code('ERR_IO'));
  state.broken = false;
  index.remove(0);
  await index.compact();
  state.broken = true;
  expect((await search(index)).rows).toBe(1);
  await index.close();
});

// Behind what opening looks at; a copy of it would get a checksum of its own, by which it is sound.
const DAMAGE = 4096 + 3 * 2 ** 20 + 100;

it('lets no damaged rows be compacted or saved, which nobody has read yet', async () => {
  const path = await saved('damage-compacted', DAMAGE);
  const index = await FlatIndex.open(path);
  index.remove(0);
  const copy = join(folder, 'damage-copy');
  await expect(index.save(copy)).rejects.toThrow(code('ERR_CORRUPT'));
  await expect(FlatIndex.open(copy)).rejects.toThrow(code('ERR_IO'));
  await expect(index.compact()).rejects.toThrow(code('ERR_CORRUPT'));
  await expect(index.verify()).rejects.toThrow(code('ERR_CORRUPT'));
  // Changes can still be written.
  index.add(query, ['new']);
  await index.close();
  const again = await FlatIndex.open(path);
  expect([again.has('new'), again.has(0)]).toEqual([true, false]);
  await again.close();
});

it('checks the rows that are compacted or saved, also while the index is closed', async () => {
  for (const damage of [undefined, DAMAGE]) {
    const index = await FlatIndex.open(await saved(`closed-${damage}`, damage));
    index.remove(0);
    const results = Promise.allSettled([
      index.save(join(folder, `closed-copy-${damage}`)),
      index.compact(),
      index.close(),
    ]);
    const copied = damage === undefined ? 'fulfilled' : 'rejected';
    expect((await results).map(({ status }) => status)).toEqual([copied, copied, 'fulfilled']);
  }
});

it('compacts once the disk can be read again', async () => {
  const index = await FlatIndex.open(await saved('transient-compacted'));
  const { state, watch } = failingReads('read', 2 * 2 ** 20);
  putBack = useFiles(watch);
  index.remove(0);
  await expect(index.compact()).rejects.toThrow(code('ERR_IO'));
  state.broken = false;
  await index.compact();
  await index.verify();
  expect(index.size).toBe(ROWS - 1);
  await index.close();
});
