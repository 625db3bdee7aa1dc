import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { Embeddings, FlatIndex } from 'embedlane';
import { describe, expect, it } from 'vitest';
import { runNode } from '../native/processes.js';
import { code, contentsOf, matrixOf, randomMatrix, temporaryFolder } from './support.js';

const folder = await temporaryFolder();

/** Bytes that are less than what any of many rounds would leave if it left all that it had. */
const LITTLE = 48 * 2 ** 20;

/** An index and queries that keep a search busy for a good part of a second. */
const SETUP = `
const { FlatIndex } = await import('embedlane');
const dims = 256;
const matrix = (rows, seed) => {
  const data = new Float32Array(rows * dims);
  for (let i = 0, x = seed; i < data.length; i++) data[i] = (x = (x * 16807) % 2147483647) / 2147483647 - 0.5;
  return { data, rows, dims };
};
let index = new FlatIndex({ dims });
index.add(matrix(20_000, 1));
const queries = matrix(2_000, 2);
`;

function startWorker(body: string): Worker {
  const worker = new Worker(
    `(async () => { const { parentPort } = await import('node:worker_threads'); ${body} })()`,
    { eval: true },
  );
  worker.setMaxListeners(0);
  return worker;
}

describe('worker threads', () => {
  it('end in the middle of anything without harm', async () => {
    const path = JSON.stringify(join(folder, 'shared'));
    const body = `${SETUP}
      const other = await FlatIndex.open(${path}, { readOnly: true });
      const busy = [
        () => index.search(queries, { k: 10 }),
        () => other.search(queries, { k: 10, filter: (id) => id % 2 === 0 }),
        () => index.rangeSearch(queries, { radius: 0.2 }),
        () => index.add(matrix(5_000, 3)),
        () => other.verify(),
        () => FlatIndex.open(${path}, { mode: 'memory', readOnly: true }),
      ];
      parentPort.postMessage('ready');
      for (;;) await Promise.all(busy.map((one) => one()));`;
    const shared = new FlatIndex({ dims: 256 });
    shared.add(randomMatrix(20_000, 256, 1));
    await shared.save(join(folder, 'shared'));
    for (let round = 0; round < 4; round++) {
      const workers = Array.from({ length: 2 }, () => startWorker(body));
      await Promise.all(
        workers.map(async (worker) => {
          await once(worker, 'message');
          await new Promise((resolve) => setTimeout(resolve, 7 * round));
          expect(await worker.terminate()).toBe(1);
        }),
      );
    }
    expect((await FlatIndex.open(join(folder, 'shared'), { verify: 'full' })).size).toBe(20_000);
  });

  it('may be ended while they save, again and again, and the folder is always whole', async () => {
    const path = join(folder, 'saved');
    const index = new FlatIndex({ dims: 8 });
    index.add(randomMatrix(1, 8, 1));
    await index.save(path);
    for (let round = 0; round < 6; round++) {
      const worker = startWorker(`
        const { FlatIndex } = await import('embedlane');
        const index = new FlatIndex({ dims: 8 });
        index.add({ data: new Float32Array(8 * 3_000).fill(${round}), rows: 3_000, dims: 8 });
        parentPort.postMessage('ready');
        for (;;) await index.save(${JSON.stringify(path)});`);
      await once(worker, 'message');
      await new Promise((resolve) => setTimeout(resolve, 3 * round));
      await worker.terminate();
      const now = await FlatIndex.open(path, { verify: 'full' });
      expect([1, 3_000]).toContain(now.size);
      await now.close();
    }
  });
});

describe('a process', () => {
  it('may exit with searches and writes under way', async () => {
    const path = JSON.stringify(join(folder, 'exit'));
    for (const end of ['process.exit(3)', "setImmediate(() => { throw new Error('mine'); })"]) {
      const outcome = await runNode(`${SETUP}
        await index.save(${path});
        const opened = await FlatIndex.open(${path});
        for (let i = 0; i < 20; i++) index.search(queries, { k: 3 });
        opened.add(matrix(2_000, 4));
        opened.flush();
        ${end};`);
      expect(outcome.signal).toBe(null);
      expect(outcome.code).toBe(end.includes('exit') ? 3 : 1);
      expect([20_000, 22_000]).toContain(
        (await FlatIndex.open(join(folder, 'exit'), { verify: 'full' })).size,
      );
    }
  });

  it('keeps what a search reads, whatever the garbage collector does', async () => {
    const outcome = await runNode(
      `${SETUP}
      const wanted = String(index.searchSync(queries, { k: 5 }).ids);
      const searches = [];
      for (let i = 0; i < 5; i++) {
        let dropped = new FlatIndex({ dims });
        dropped.add(matrix(20_000, 1));
        searches.push(dropped.search(queries, { k: 5 }));
        dropped = undefined;
        globalThis.gc();
      }
      searches.push(index.search(queries, { k: 5 }));
      index.close();
      index = undefined;
      globalThis.gc();
      for (const found of await Promise.all(searches)) {
        globalThis.gc();
        if (String(found.ids) !== wanted) throw new Error('differs');
      }
      console.log('same');`,
      {},
      ['--expose-gc'],
    );
    expect(outcome).toMatchObject({ code: 0, stdout: 'same\n', stderr: '' });
  });

  it('gives memory back at once when an index is closed, whatever the garbage collector does', async () => {
    const outcome = await runNode(`
      const { FlatIndex } = await import('embedlane');
      const dims = 256;
      const rows = 64_000;
      const matrix = { data: new Float32Array(rows * dims).fill(1), rows, dims };
      const query = { data: matrix.data.subarray(0, dims), rows: 1, dims };
      const uses = {
        async search(index) {
          index.add(matrix);
          await index.search(query, { k: 1 });
          index.searchSync(query, { k: 1 });
        },
        async abort(index) {
          index.add(matrix);
          const controller = new AbortController();
          const searches = [1, 2, 3].map(() => index.search(query, { k: 1, signal: controller.signal }).catch(() => {}));
          controller.abort();
          await Promise.all(searches);
        },
        addAsync: (index) => index.addAsync(matrix),
        async refused(index) {
          const adding = index.addAsync(matrix, Array.from({ length: rows }, (_, i) => i));
          index.add(query);
          await adding.catch(() => {});
        },
      };
      const kept = {};
      for (const [name, use] of Object.entries(uses)) {
        const before = process.memoryUsage().rss;
        const index = new FlatIndex({ dims });
        await use(index);
        await index.close();
        // An aborted search lets go of its rows when its threads have noticed.
        const share = () => (process.memoryUsage().rss - before) / matrix.data.byteLength;
        for (let i = 0; i < 500 && share() >= 0.5; i++) await new Promise((resolve) => setTimeout(resolve, 10));
        kept[name] = share();
      }
      console.log(JSON.stringify(kept));`);
    expect(outcome.stderr).toBe('');
    // Of the rows' 64 MB.
    for (const [use, share] of Object.entries(JSON.parse(outcome.stdout) as Record<string, number>)) {
      expect(share, use).toBeLessThan(0.5);
    }
  });

  it('gives memory back: of closed, of dropped and of tidied indexes', async () => {
    const outcome = await runNode(
      `
      const { FlatIndex } = await import('embedlane');
      const dims = 256;
      const part = { data: new Float32Array(8_000 * dims).fill(1), rows: 8_000, dims };
      const round = async (n) => {
        for (let i = 0; i < n; i++) {
          const index = new FlatIndex({ dims });
          for (let j = 0; j < 4; j++) { index.add(part); index.remove(Array.from({ length: 8_000 }, (_, k) => j * 8_000 + k)); }
          index.add(part);
          await index.search({ data: part.data.subarray(0, dims), rows: 1, dims }, { k: 1 });
          if (i % 2) await index.close();
          globalThis.gc();
          await new Promise((resolve) => setImmediate(resolve));
        }
        globalThis.gc();
        return process.memoryUsage().rss;
      };
      await round(10);
      const before = await round(10);
      let more = (await round(30)) - before;
      // On a busy machine the rows of the last index may still be on their way back.
      for (let i = 0; i < 500 && more >= ${LITTLE}; i++) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        globalThis.gc();
        more = process.memoryUsage().rss - before;
      }
      console.log(more);`,
      {},
      ['--expose-gc'],
    );
    expect(outcome.stderr).toBe('');
    expect(Number(outcome.stdout)).toBeLessThan(LITTLE);
  });
});

describe('processes', () => {
  it('that write in turn lose nothing, and a reader always finds a whole index', async () => {
    const path = join(folder, 'turns');
    await new FlatIndex({ dims: 2 }).save(path);
    const writer = (name: string) => `
      const { FlatIndex } = await import('embedlane');
      for (let i = 0; i < 15; i++) {
        for (;;) {
          try {
            const index = await FlatIndex.open(${JSON.stringify(path)}, { readOnly: false });
            index.add({ data: Float32Array.of(i, 1), rows: 1, dims: 2 }, ['${name}' + i]);
            if (i % 4 === 0) await index.compact();
            await index.close();
            break;
          } catch (error) {
            if (error.code !== 'ERR_LOCKED') throw error;
            await new Promise((resolve) => setTimeout(resolve, 2));
          }
        }
      }`;
    let done = false;
    const writers = Promise.all([runNode(writer('a')), runNode(writer('b'))]).finally(() => {
      done = true;
    });
    let size = 0;
    while (!done) {
      const index = await FlatIndex.open(path, { verify: 'full', readOnly: true });
      expect(index.size).toBeGreaterThanOrEqual(size);
      size = index.size;
      expect(contentsOf(index)).toHaveLength(size);
      await index.close();
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
    for (const outcome of await writers) expect(outcome).toMatchObject({ code: 0, stderr: '' });
    expect((await FlatIndex.open(path)).size).toBe(30);
  });
});

describe('memory that could vanish', () => {
  it('is refused where it is shared, resizable or detached, and copied otherwise', async () => {
    const index = new FlatIndex({ dims: 2 });
    index.add(matrixOf([1, 0], [0, 1]));
    const Resizable = ArrayBuffer as unknown as new (size: number, options: object) => ArrayBuffer;
    const detached = new Float32Array(4);
    structuredClone(detached, { transfer: [detached.buffer] });
    for (const data of [
      new Float32Array(new SharedArrayBuffer(16)) as never,
      new Float32Array(new Resizable(16, { maxByteLength: 64 })),
      detached,
    ]) {
      const rows = { data, rows: 2, dims: 2 };
      expect(() => index.add(rows)).toThrow(code('ERR_INVALID_ARG'));
      expect(() => index.searchSync(rows, { k: 1 })).toThrow(code('ERR_INVALID_ARG'));
      await expect(index.search(rows, { k: 1 })).rejects.toThrow(code('ERR_INVALID_ARG'));
    }
    // Queries and rows are the caller's again as soon as the call has returned.
    const query = Float32Array.of(1, 0);
    const search = index.search({ data: query, rows: 1, dims: 2 }, { k: 1 });
    structuredClone(query, { transfer: [query.buffer] });
    expect((await search).ids).toEqual([0]);
  });
});

describe('competitor regressions', () => {
  it('a view with a byte offset is read where it starts, not where its buffer starts', () => {
    const index = new FlatIndex({ dims: 2, metric: 'l2' });
    const corpus = Float32Array.of(9, 9, 9, 9, 1, 2, 3, 4);
    index.add({ data: corpus.subarray(4), rows: 2, dims: 2 });
    const queries = Float32Array.of(7, 7, 3, 4);
    expect(index.searchSync({ data: queries.subarray(2), rows: 1, dims: 2 }, { k: 1 }).get(0)).toEqual([
      { id: 1, score: 0 },
    ]);
  });

  it('k larger than the index returns the index, and the process lives', () => {
    const index = new FlatIndex({ dims: 2 });
    index.add(randomMatrix(4, 2, 1));
    const found = index.searchSync(randomMatrix(3, 2, 2), { k: 6 });
    expect(found.k).toBe(4);
    for (let q = 0; q < 3; q++)
      expect(
        found
          .get(q)
          .map(({ id }) => id)
          .sort(),
      ).toEqual([0, 1, 2, 3]);
  });

  it('rows of another dtype are an error, not other numbers', () => {
    const index = new FlatIndex({ dims: 4 });
    expect(() => index.add({ data: new Int8Array(16) as never, rows: 4, dims: 4 })).toThrow(
      code('ERR_DTYPE'),
    );
    index.add(randomMatrix(4, 4, 1));
    const codes = { data: new Int8Array(4) as never, rows: 1, dims: 4 };
    expect(() => index.searchSync(codes, { k: 1 })).toThrow(code('ERR_DTYPE'));
  });

  it('timers fire during a search', async () => {
    const index = new FlatIndex({ dims: 128 });
    index.add(randomMatrix(20_000, 128, 1));
    const queries = randomMatrix(3_000, 128, 2);
    let ticks = 0;
    const timer = setInterval(() => {
      ticks++;
    }, 1);
    await index.search(queries, { k: 10, threads: 1 });
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(3);
  });
});

it('adding and searching at once is well defined: each search sees the rows of its call', async () => {
  const index = new FlatIndex({ dims: 16 });
  const all = randomMatrix(4_000, 16, 3);
  const query = randomMatrix(1, 16, 4);
  const searches: [number, Promise<{ ids: unknown[] }>][] = [];
  for (let row = 0; row < 4_000; row += 100) {
    index.add(new Embeddings(all.data.slice(row * 16, (row + 100) * 16), 100, 16));
    index.remove(row);
    searches.push([row + 100, index.search(query, { k: 5 })]);
  }
  for (const [rows, search] of searches) {
    const reference = new FlatIndex({ dims: 16 });
    reference.add(new Embeddings(all.data.slice(0, rows * 16), rows, 16));
    reference.remove(Array.from({ length: rows / 100 }, (_, i) => i * 100));
    expect((await search).ids).toEqual(reference.searchSync(query, { k: 5 }).ids);
  }
});
