import { cp, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FlatIndex, type Id } from 'embedlane';
import { describe, expect, it } from 'vitest';
import { runNode } from '../native/processes.js';
import { code, contentsOf, matrixOf, randomMatrix, temporaryFolder } from './support.js';

const folder = await temporaryFolder();
let count = 0;
const fresh = () => join(folder, `${++count}`);

/** An index with ids of every kind, removed rows and updated ones. */
function sample(): FlatIndex {
  const index = new FlatIndex({ dims: 5, metric: 'l2' });
  index.add(randomMatrix(300, 5, 1));
  index.add(randomMatrix(3, 5, 2), ['', 'ü – 字 🦊', 'x'.repeat(1024)]);
  index.add(randomMatrix(4, 5, 3), [Number.MIN_SAFE_INTEGER, 10_000, 9_000, 9_001]);
  index.add(randomMatrix(200, 5, 4));
  index.remove(Array.from({ length: 60 }, (_, i) => i * 5));
  index.update(randomMatrix(2, 5, 5), [1, '']);
  return index;
}

describe('save and open', () => {
  it.each([
    { mode: 'mmap', verify: 'lazy' },
    { mode: 'mmap', verify: 'full' },
    { mode: 'memory', verify: 'lazy' },
    { mode: 'memory', verify: 'full', readOnly: true },
    { readOnly: false },
    undefined,
  ] as const)('give the same index back: %j', async (options) => {
    const index = sample();
    const path = fresh();
    await index.save(path);
    const again = await FlatIndex.open(path, options);
    expect([again.dims, again.metric, again.dtype, again.size]).toEqual([5, 'l2', 'f32', index.size]);
    expect(contentsOf(again)).toEqual(contentsOf(index));
    const queries = randomMatrix(9, 5, 6);
    expect((await again.search(queries, { k: 20 })).ids).toEqual(index.searchSync(queries, { k: 20 }).ids);
    expect(again.stats().mappedBytes > 0).toBe(
      options === undefined || (options as { mode?: string }).mode !== 'memory',
    );
    for (const id of [1, '', 10_000, 'x'.repeat(1024)]) expect(again.get(id)).toEqual(index.get(id));
    expect([again.has(0), again.has(10_201), again.has('nobody')]).toEqual([false, false, false]);
    await again.verify();
    await again.close();
  });

  it('goes on with the default ids', async () => {
    const path = fresh();
    const index = sample();
    index.remove(10_200);
    await index.save(path);
    const again = await FlatIndex.open(path);
    again.add(matrixOf([1, 2, 3, 4, 5]));
    expect([...again.ids()].at(-1)).toBe(10_201);
    await again.close();
  });

  it('know the default ids of rows that follow an update of the last one', async () => {
    const path = fresh();
    await new FlatIndex({ dims: 5 }).save(path);
    const changed = await FlatIndex.open(path);
    changed.add(randomMatrix(10, 5, 1));
    await changed.flush();
    changed.update(randomMatrix(1, 5, 2), [9]);
    await changed.close();
    const again = await FlatIndex.open(path);
    expect(again.has(9)).toBe(true);
    again.add(randomMatrix(2, 5, 3));
    expect([10, 11, 12].map((id) => again.has(id))).toEqual([true, true, false]);
    await again.close();
  });

  it('keep the largest id, after which there are no default ones', async () => {
    const index = new FlatIndex({ dims: 2 });
    index.add(matrixOf([1, 0]), [Number.MAX_SAFE_INTEGER]);
    const path = fresh();
    await index.save(path);
    const changed = await FlatIndex.open(path);
    changed.add(matrixOf([0, 1]), ['another']);
    await changed.close();
    const again = await FlatIndex.open(path);
    expect([...again.ids()]).toEqual([Number.MAX_SAFE_INTEGER, 'another']);
    expect(() => again.add(matrixOf([1, 1]))).toThrow(/the default ones have run out/);
    await again.close();
  });

  it('work for an empty index', async () => {
    const path = fresh();
    await new FlatIndex({ dims: 7, metric: 'dot' }).save(path);
    const again = await FlatIndex.open(path);
    expect([again.size, again.dims, again.metric]).toEqual([0, 7, 'dot']);
    again.add(randomMatrix(2, 7, 1));
    await again.close();
    expect((await FlatIndex.open(path)).size).toBe(2);
  });

  it('takes the rows of the moment of the call', async () => {
    const path = fresh();
    const index = new FlatIndex({ dims: 64 });
    index.add(randomMatrix(30_000, 64, 1));
    const before = contentsOf(index);
    const saved = index.save(path);
    index.remove([5, 6, 7]);
    index.add(randomMatrix(10, 64, 2));
    await saved;
    expect(contentsOf(await FlatIndex.open(path, { mode: 'memory' }))).toEqual(before);
  });

  it('replace an index that is there, which its readers keep', async () => {
    const path = fresh();
    const first = sample();
    await first.save(path);
    const reader = await FlatIndex.open(path);
    const second = new FlatIndex({ dims: 2 });
    second.add(matrixOf([1, 2], [3, 4]));
    await second.save(path);
    expect(contentsOf(reader)).toEqual(contentsOf(first));
    expect(contentsOf(await FlatIndex.open(path))).toEqual(contentsOf(second));
    expect((await readdir(path)).map((name) => name.replace(/^[0-9a-f]{16}/, 'id')).sort()).toEqual([
      'LOCK',
      'MANIFEST',
      'id.log',
      'id.seg',
    ]);
  });

  it('over the very folder that is mapped keeps everything (safetensors #762)', async () => {
    const path = fresh();
    await sample().save(path);
    const index = await FlatIndex.open(path, { mode: 'mmap' });
    const link = fresh();
    await symlink(path, link);
    index.remove(2);
    const before = contentsOf(index);
    await index.save(link);
    expect(contentsOf(index)).toEqual(before);
    await index.save(path);
    expect(contentsOf(index)).toEqual(before);
    expect(contentsOf(await FlatIndex.open(path))).toEqual(before);
    expect(index.stats().removed).toBe(0);
    await index.close();
  });

  it('do not touch a folder with other things in it', async () => {
    const path = fresh();
    await mkdir(path);
    await writeFile(join(path, 'thesis.tex'), 'years of work');
    await expect(sample().save(path)).rejects.toThrow(code('ERR_INVALID_ARG'));
    expect(await readdir(path)).toEqual(['thesis.tex']);
    await expect(sample().save(join(path, 'thesis.tex'))).rejects.toThrow(code('ERR_IO'));
  });

  it.each([undefined, '', 7, 'a\0b', {}])('refuse %j as a path', async (path) => {
    await expect(sample().save(path as string)).rejects.toThrow(code('ERR_INVALID_ARG'));
    await expect(FlatIndex.open(path as string)).rejects.toThrow(code('ERR_INVALID_ARG'));
  });

  it('refuse other options, and a folder without an index', async () => {
    await expect(FlatIndex.open(folder)).rejects.toThrow(code('ERR_IO'));
    await expect(FlatIndex.open(join(folder, 'nowhere'))).rejects.toThrow(code('ERR_IO'));
    await expect(FlatIndex.open(join(folder, 'nowhere'), { readOnly: false })).rejects.toThrow(
      code('ERR_IO'),
    );
    for (const options of [{ mode: 'disk' }, { verify: true }, { readOnly: 1 }, { readonly: true }, 'r']) {
      await expect(FlatIndex.open(folder, options as never)).rejects.toThrow(code('ERR_INVALID_ARG'));
    }
  });
});

describe('changes of an opened index', () => {
  it('are on the disk after flush, however the process ends', async () => {
    const path = fresh();
    await sample().save(path);
    const outcome = await runNode(`
      const { FlatIndex } = await import('embedlane');
      const index = await FlatIndex.open(${JSON.stringify(path)});
      index.add({ data: Float32Array.of(1, 2, 3, 4, 5), rows: 1, dims: 5 }, ['new']);
      index.remove(10_000);
      index.upsert({ data: Float32Array.of(5, 4, 3, 2, 1), rows: 1, dims: 5 }, [9_000]);
      await index.flush();
      index.add({ data: Float32Array.of(1, 1, 1, 1, 1), rows: 1, dims: 5 }, ['lost']);
      process.kill(process.pid, 'SIGKILL');`);
    expect(outcome.signal).toBe('SIGKILL');
    const index = await FlatIndex.open(path);
    expect([index.get('new'), index.has(10_000), index.get(9_000), index.has('lost')]).toEqual([
      Float32Array.of(1, 2, 3, 4, 5),
      false,
      Float32Array.of(5, 4, 3, 2, 1),
      false,
    ]);
    // The dead process holds no lock.
    index.remove('new');
    await index.close();
  });

  it('collect in the log, then in segments', async () => {
    const path = fresh();
    await new FlatIndex({ dims: 1024 }).save(path);
    const index = await FlatIndex.open(path);
    const batch = randomMatrix(3_000, 1024, 1);
    for (let round = 0; round < 4; round++) {
      index.add(batch);
      index.remove([round * 3_000 + 1, round]);
      await index.flush();
    }
    const segments = (await readdir(path)).filter((name) => name.endsWith('.seg'));
    expect(segments.length).toBeGreaterThan(0);
    await index.verify();
    const again = await FlatIndex.open(path, { mode: 'memory' });
    expect([...again.ids()]).toEqual([...index.ids()]);
    expect(again.get(11_000)).toEqual(index.get(11_000));
    await index.close();
  });

  it('of many calls share a write, and each is answered', async () => {
    const path = fresh();
    await new FlatIndex({ dims: 3 }).save(path);
    const index = await FlatIndex.open(path);
    const flushes = [];
    for (let i = 0; i < 500; i++) {
      index.add(randomMatrix(1, 3, i));
      flushes.push(index.flush());
    }
    await Promise.all(flushes);
    const again = await FlatIndex.open(path);
    expect(contentsOf(again)).toEqual(contentsOf(index));
    expect(again.size).toBe(500);
    await index.close();
  });

  it('made while a flush is under way are in the next one', async () => {
    const path = fresh();
    await new FlatIndex({ dims: 3 }).save(path);
    const index = await FlatIndex.open(path);
    index.add(randomMatrix(5_000, 3, 1));
    const first = index.flush();
    await new Promise((resolve) => setImmediate(resolve));
    index.remove([0, 4_999]);
    index.add(randomMatrix(2, 3, 2), ['a', 'b']);
    await Promise.all([first, index.flush()]);
    expect(contentsOf(await FlatIndex.open(path))).toEqual(contentsOf(index));
    await index.close();
  });

  it('made while it is compacted are kept, in memory and on the disk', async () => {
    const path = fresh();
    const original = new FlatIndex({ dims: 16 });
    original.add(randomMatrix(20_000, 16, 1));
    await original.save(path);
    for (const mode of ['mmap', 'memory'] as const) {
      const index = await FlatIndex.open(path, { mode });
      index.remove(Array.from({ length: 3_000 }, (_, i) => i * 3));
      const compacted = index.compact();
      await new Promise((resolve) => setTimeout(resolve, 1));
      index.remove([1, 19_999]);
      index.add(randomMatrix(2, 16, 2), [`${mode} a`, `${mode} b`]);
      index.upsert(randomMatrix(1, 16, 3), [2]);
      const flushed = index.flush();
      index.remove([4, `${mode} a`]);
      const before = contentsOf(index);
      await Promise.all([compacted, flushed]);
      expect(contentsOf(index)).toEqual(before);
      await index.flush();
      expect(contentsOf(await FlatIndex.open(path))).toEqual(before);
      index.add(randomMatrix(1, 16, 4));
      await index.close();
      expect((await FlatIndex.open(path)).size).toBe(before.length + 1);
      await original.save(path);
    }
  });

  it('are refused where it is opened readOnly', async () => {
    const path = fresh();
    await sample().save(path);
    const index = await FlatIndex.open(path, { readOnly: true });
    const row = randomMatrix(1, 5, 1);
    const refused = code('ERR_READ_ONLY');
    expect(() => index.add(row)).toThrow(refused);
    expect(() => index.update(row, [1])).toThrow(refused);
    expect(() => index.remove(1)).toThrow(refused);
    await expect(index.compact()).rejects.toThrow(refused);
    await index.flush();
    expect(contentsOf(index)).toEqual(contentsOf(sample()));
    await index.close();
  });
});

describe('the lock', () => {
  it('lets one write and any number read', async () => {
    const path = fresh();
    await sample().save(path);
    const writer = await FlatIndex.open(path, { readOnly: false });
    const locked = code('ERR_LOCKED');
    await expect(FlatIndex.open(path, { readOnly: false })).rejects.toThrow(locked);
    const reader = await FlatIndex.open(path);
    expect(() => reader.remove(1)).toThrow(locked);
    expect(reader.has(1)).toBe(true);
    await expect(sample().save(path)).rejects.toThrow(locked);
    const other = await runNode(`
      const { FlatIndex } = await import('embedlane');
      const readers = [await FlatIndex.open(${JSON.stringify(path)}), await FlatIndex.open(${JSON.stringify(path)}, { readOnly: true })];
      console.log(readers.map((reader) => reader.size).join());
      await FlatIndex.open(${JSON.stringify(path)}, { readOnly: false }).catch((error) => console.log(error.code));
      try { readers[0].remove(1); } catch (error) { console.log(error.code); }`);
    expect(other).toMatchObject({
      stdout: `${writer.size},${writer.size}\nERR_LOCKED\nERR_LOCKED\n`,
      stderr: '',
    });
    await writer.close();
    reader.remove(1);
    await reader.close();
  });

  it('does not let an index be changed that somebody else has changed since', async () => {
    const path = fresh();
    await sample().save(path);
    const [first, second] = [await FlatIndex.open(path), await FlatIndex.open(path)];
    first.remove(1);
    await first.close();
    expect(() => second.remove(2)).toThrow(code('ERR_LOCKED'));
    expect(second.has(1)).toBe(true);
    const third = await FlatIndex.open(path);
    third.remove(2);
    await third.close();
  });

  it('goes with its holder: a process that is killed, a worker that is terminated', async () => {
    const path = fresh();
    await sample().save(path);
    const open = `
      const { FlatIndex } = await import('embedlane');
      const index = await FlatIndex.open(${JSON.stringify(path)}, { readOnly: false });`;
    await runNode(`${open} process.kill(process.pid, 'SIGKILL');`);
    const outcome = await runNode(`
      const { Worker } = await import('node:worker_threads');
      const worker = new Worker(${JSON.stringify(`(async () => { ${open} (await import('node:worker_threads')).parentPort.postMessage(1); setInterval(() => {}, 1000); })()`)}, { eval: true });
      await new Promise((resolve) => worker.once('message', resolve));
      const { FlatIndex } = await import('embedlane');
      const again = () => FlatIndex.open(${JSON.stringify(path)}, { readOnly: false });
      console.log(await again().then(() => 'open', (error) => error.code));
      await worker.terminate();
      const index = await again();
      console.log(index.remove(1));
      await index.close();`);
    expect(outcome).toMatchObject({ code: 0, stdout: 'ERR_LOCKED\n1\n', stderr: '' });
  });
});

describe('the fallback', () => {
  const run = (script: string) => runNode(script, { EMBEDLANE_BACKEND: 'typescript' });

  it('reads what the addon wrote, and writes what the addon reads', async () => {
    const [path, copy] = [fresh(), fresh()];
    const index = sample();
    await index.save(path);
    const queries = randomMatrix(3, 5, 8);
    const outcome = await run(`
      const { FlatIndex } = await import('embedlane');
      const index = await FlatIndex.open(${JSON.stringify(path)});
      await index.verify();
      const queries = { data: Float32Array.of(${queries.data}), rows: 3, dims: 5 };
      const found = await index.search(queries, { k: 4, filter: (id) => typeof id === 'number' });
      const range = index.rangeSearchSync(queries, { radius: 2 });
      console.log(JSON.stringify([found.ids, [...found.scores], range.ids, [...range.scores], [...range.offsets]]));
      await index.save(${JSON.stringify(copy)});
      try { index.remove(1); } catch (error) { console.log(error.code); }
      await index.save(${JSON.stringify(copy)}).catch((error) => console.log(error.code));`);
    const found = index.searchSync(queries, { k: 4, filter: (id: Id) => typeof id === 'number' });
    const range = index.rangeSearchSync(queries, { radius: 2 });
    expect(outcome.stderr).toBe('');
    const [first, ...rest] = outcome.stdout.trim().split('\n');
    expect(JSON.parse(first)).toEqual([
      found.ids,
      [...found.scores],
      range.ids,
      [...range.scores],
      [...range.offsets],
    ]);
    expect(rest).toEqual(['ERR_NATIVE_LOAD', 'ERR_NATIVE_LOAD']);
    expect(contentsOf(await FlatIndex.open(copy, { verify: 'full' }))).toEqual(contentsOf(index));
  });
});

it('an index can be copied like any folder', async () => {
  const [path, copy] = [fresh(), fresh()];
  await sample().save(path);
  await cp(path, copy, { recursive: true });
  expect(contentsOf(await FlatIndex.open(copy, { verify: 'full' }))).toEqual(contentsOf(sample()));
});
