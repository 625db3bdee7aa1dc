import { getEventListeners } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Embeddings, type MatrixLike, similarity, TopK, topK, topKSync } from 'embedlane/vectors';
import { describe, expect, it } from 'vitest';
import { Random } from '../native/random.js';

const random = new Random(30);
const matrix = (rows: number, dims: number) => new Embeddings(random.vector(rows * dims), rows, dims);
const code = (expected: string) => expect.objectContaining({ name: 'EmbedlaneError', code: expected });

/** A corpus and queries that keep the search busy for a good part of a second. */
const busyCorpus = matrix(20_000, 128);
const busyQueries = matrix(3_000, 128);

describe('topK', () => {
  const corpus = new Embeddings(Float32Array.of(0, 1, 1, 0, 3, 3, -1, 0), 4, 2);
  const query = { data: Float32Array.of(1, 0), rows: 1, dims: 2 };

  it('returns hits best first', async () => {
    const found = await topK(query, corpus, { k: 3 });
    expect(found).toBeInstanceOf(TopK);
    expect([found.rows, found.k]).toEqual([1, 3]);
    expect(found.get(0)).toEqual([
      { index: 1, score: 1 },
      { index: 2, score: Math.fround(Math.SQRT1_2) },
      { index: 0, score: 0 },
    ]);
    const near = topKSync(query, corpus, { k: 2, metric: 'l2' });
    expect(near.get(0)).toEqual([
      { index: 1, score: 0 },
      { index: 0, score: Math.fround(Math.SQRT2) },
    ]);
    expect(topKSync(query, corpus, { k: 1, metric: 'dot' }).get(0)).toEqual([{ index: 2, score: 3 }]);
    expect(() => found.get(1)).toThrow(code('ERR_INVALID_ARG'));
    expect(() => found.get(-1)).toThrow(code('ERR_INVALID_ARG'));
  });

  it('is the same asynchronously, synchronously, and for every number of threads', async () => {
    const queries = matrix(20, 128);
    const wanted = topKSync(queries, busyCorpus, { k: 12, threads: 1 });
    for (const threads of [1, 2, 3, 16]) {
      expect(topKSync(queries, busyCorpus, { k: 12, threads })).toEqual(wanted);
      expect(await topK(queries, busyCorpus, { k: 12, threads })).toEqual(wanted);
    }
  });

  it('is empty without queries or rows', async () => {
    const nothing = new Embeddings(new Float32Array(0), 0, 0);
    for (const found of [await topK(nothing, corpus, { k: 2 }), topKSync(nothing, corpus, { k: 2 })]) {
      expect([found.rows, found.k, found.indices.length]).toEqual([0, 2, 0]);
    }
    const found = await topK(query, nothing, { k: 2 });
    expect([found.rows, found.k, found.scores.length, found.get(0)]).toEqual([1, 0, 0, []]);
  });

  it.each([0, -1, 1.5, Number.NaN, 2 ** 32, Number.POSITIVE_INFINITY, '3', undefined, null])(
    'refuses k = %s',
    async (k) => {
      await expect(topK(query, corpus, { k: k as number })).rejects.toThrow(code('ERR_INVALID_ARG'));
      expect(() => topKSync(query, corpus, { k: k as number })).toThrow(code('ERR_INVALID_ARG'));
    },
  );

  it('asks for the await that is missing', async () => {
    const message =
      /^Expected a matrix \{ data, rows, dims \} for queries but received a Promise: is an await missing\?$/;
    await expect(topK(Promise.resolve(query) as never, corpus, { k: 1 })).rejects.toThrow(message);
  });

  it('refuses other misuse, before anything is queued', async () => {
    const data = new Float32Array(4);
    const misuse: [string, unknown, unknown, unknown][] = [
      ['ERR_DIMENSION', matrix(2, 3), corpus, { k: 1 }],
      ['ERR_DIMENSION', { data, rows: 3, dims: 2 }, corpus, { k: 1 }],
      ['ERR_DIMENSION', query, { data, rows: 2 ** 40, dims: 2 }, { k: 1 }],
      ['ERR_DTYPE', { data: new Float64Array(2), rows: 1, dims: 2 }, corpus, { k: 1 }],
      ['ERR_DTYPE', query, { data: new Int8Array(4), rows: 2, dims: 2 }, { k: 1 }],
      ['ERR_INVALID_ARG', query, { data: [1, 2], rows: 1, dims: 2 }, { k: 1 }],
      ['ERR_INVALID_ARG', { data, rows: 4, dims: 0 }, corpus, { k: 1 }],
      ['ERR_INVALID_ARG', { data, rows: 2.5, dims: 2 }, corpus, { k: 1 }],
      ['ERR_INVALID_ARG', undefined, corpus, { k: 1 }],
      ['ERR_INVALID_ARG', query, 'corpus', { k: 1 }],
      ['ERR_INVALID_ARG', query, new Float32Array(4), { k: 1 }],
      ['ERR_INVALID_ARG', query, corpus, undefined],
      ['ERR_INVALID_ARG', query, corpus, 10],
      ['ERR_INVALID_ARG', query, corpus, { k: 1, topK: 2 }],
      ['ERR_INVALID_ARG', query, corpus, { k: 1, metric: 'manhattan' }],
      ['ERR_INVALID_ARG', query, corpus, { k: 1, threads: 0 }],
      ['ERR_INVALID_ARG', query, corpus, { k: 1, threads: 1000 }],
    ];
    for (const [expected, queries, rows, options] of misuse) {
      const args = [queries, rows, options] as [MatrixLike, MatrixLike, { k: number }];
      await expect(topK(...args), String(options)).rejects.toThrow(code(expected));
      expect(() => topKSync(...args)).toThrow(code(expected));
    }
    await expect(topK(query, corpus, { k: 1, signal: {} as AbortSignal })).rejects.toThrow(
      code('ERR_INVALID_ARG'),
    );
  });

  it('tells whoever gives vectors as arrays what makes a matrix of them', () => {
    expect(() => topKSync([[1, 0]] as never, corpus, { k: 1 })).toThrow(
      'which Embeddings.from(vectors) makes',
    );
    expect(() => topKSync(new Float32Array(2) as never, corpus, { k: 1 })).toThrow(
      'which Embeddings.from([vector]) makes',
    );
    expect(topKSync(Embeddings.from([[1, 0]]), corpus, { k: 1 }).rows).toBe(1);
  });

  it('refuses memory that could vanish: shared, resizable, detached', async () => {
    const shared = new Float32Array(new SharedArrayBuffer(16)) as never;
    const Resizable = ArrayBuffer as unknown as new (size: number, options: object) => ArrayBuffer;
    const resizable = new Float32Array(new Resizable(16, { maxByteLength: 64 }));
    const detached = new Float32Array(4);
    structuredClone(detached, { transfer: [detached.buffer] });
    for (const data of [shared, resizable, detached]) {
      const side = { data, rows: 2, dims: 2 };
      await expect(topK(side, corpus, { k: 1 })).rejects.toThrow(code('ERR_INVALID_ARG'));
      await expect(topK(query, side, { k: 1 })).rejects.toThrow(code('ERR_INVALID_ARG'));
      expect(() => topKSync(query, side, { k: 1 })).toThrow(code('ERR_INVALID_ARG'));
    }
  });

  it('is not deceived by properties of a buffer', async () => {
    const Resizable = ArrayBuffer as unknown as new (size: number, options: object) => ArrayBuffer;
    const disguised = new Resizable(16, { maxByteLength: 64 });
    Object.defineProperty(disguised, 'resizable', { value: false });
    const query = { data: new Float32Array(2), rows: 1, dims: 2 };
    const search = async (buffer: ArrayBuffer) =>
      topK(query, { data: new Float32Array(buffer), rows: 2, dims: 2 }, { k: 1, metric: 'l2' });
    await expect(search(disguised)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
    // A getter that takes the memory away, however often it has been asked before.
    for (let after = 0; after < 4; after++) {
      const vanishing = new ArrayBuffer(16);
      let asked = 0;
      Object.defineProperty(vanishing, 'resizable', {
        get() {
          if (asked++ === after) structuredClone(vanishing, { transfer: [vanishing] });
          return false;
        },
      });
      const outcome = await search(vanishing).then(
        ({ rows }) => rows,
        (error: { code: string }) => error.code,
      );
      expect([1, 'ERR_INVALID_ARG', 'ERR_DIMENSION']).toContain(outcome);
    }
  });

  it('says so if the results do not fit memory', async () => {
    const million = { data: new Float32Array(1e6), rows: 1e6, dims: 1 };
    await expect(topK(million, million, { k: 1e6 })).rejects.toThrow(code('ERR_RUNTIME'));
    expect(() => topKSync(million, million, { k: 1e6 })).toThrow(code('ERR_RUNTIME'));
    expect(() => similarity(million, million)).toThrow(code('ERR_RUNTIME'));
  });

  it('does not let go of the corpus while it is read', async () => {
    const own = new Embeddings(busyCorpus.data.slice(), busyCorpus.rows, busyCorpus.dims);
    const search = topK(busyQueries, own, { k: 3 });
    try {
      // Node 20 copies untransferable memory, later versions throw.
      structuredClone(own.data, { transfer: [own.data.buffer as ArrayBuffer] });
    } catch (error) {
      expect(error).toMatchObject({ name: 'DataCloneError' });
    }
    expect(own.data.length).toBe(20_000 * 128);
    expect((await search).rows).toBe(3_000);
  });

  it('leaves the event loop free', async () => {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    delay.enable();
    await topK(busyQueries, busyCorpus, { k: 10, threads: 1 });
    delay.disable();
    // The median, because on a busy machine any process is held up now and then.
    expect(delay.percentile(50) / 1e6).toBeLessThan(5);
  });

  it.skipIf(!existsSync('/sys/kernel/mm/transparent_hugepage'))(
    'asks for large pages for a corpus of many megabytes, and for no small one',
    () => {
      /** Megabytes of this process for which large pages were asked. */
      const asked = () =>
        readFileSync('/proc/self/smaps', 'utf8')
          .split(/^(?=[0-9a-f]+-)/m)
          .filter((mapping) => /^VmFlags:.* hg /m.test(mapping))
          .reduce((sum, mapping) => sum + Number(/^Size: +(\d+)/m.exec(mapping)?.[1]) / 1024, 0);
      const before = asked();
      topKSync(query, matrix(1000, 2), { k: 1 });
      expect(asked()).toBe(before);
      const large = { data: new Float32Array(10 * 2 ** 20).fill(1), rows: 5 * 2 ** 20, dims: 2 };
      expect(topKSync(query, large, { k: 1 }).get(0)).toEqual([
        { index: 0, score: Math.fround(Math.SQRT1_2) },
      ]);
      expect(asked()).toBeGreaterThan(before + 32);
    },
  );

  it('runs many searches at once', async () => {
    const queries = matrix(5, 128);
    const wanted = topKSync(queries, busyCorpus, { k: 4 });
    const all = await Promise.all(
      Array.from({ length: 40 }, () => topK(queries, busyCorpus, { k: 4, threads: 2 })),
    );
    for (const found of all) expect(found).toEqual(wanted);
  });
});

describe('abort', () => {
  it('before: rejects at once with the reason as cause', async () => {
    const reason = new Error('changed my mind');
    await expect(
      topK(busyQueries, busyCorpus, { k: 3, signal: AbortSignal.abort(reason) }),
    ).rejects.toMatchObject({
      code: 'ERR_ABORTED',
      cause: reason,
    });
  });

  it('during: stops, and the listener is gone', async () => {
    const controller = new AbortController();
    const search = topK(busyQueries, busyCorpus, { k: 3, threads: 1, signal: controller.signal });
    await new Promise((resolve) => setTimeout(resolve, 5));
    controller.abort();
    await expect(search).rejects.toMatchObject({ name: 'EmbedlaneError', code: 'ERR_ABORTED' });
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  it('after: changes nothing, and the listener is gone', async () => {
    const controller = new AbortController();
    const found = await topK(matrix(1, 128), busyCorpus, { k: 3, signal: controller.signal });
    controller.abort();
    expect(found.indices).toHaveLength(3);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });
});

describe('competitor regressions', () => {
  it('a view with a byte offset is searched where it starts, not where its buffer starts', () => {
    const corpus = Float32Array.of(9, 9, 9, 9, 1, 2, 3, 4);
    const queries = Float32Array.of(7, 7, 3, 4);
    const found = topKSync(
      { data: queries.subarray(2), rows: 1, dims: 2 },
      { data: corpus.subarray(4), rows: 2, dims: 2 },
      { k: 1, metric: 'l2' },
    );
    expect(found.get(0)).toEqual([{ index: 1, score: 0 }]);
  });

  it('k larger than the corpus returns the corpus, and the process lives', () => {
    const corpus = matrix(4, 2);
    const found = topKSync(matrix(3, 2), corpus, { k: 6 });
    expect(found.k).toBe(4);
    for (let q = 0; q < 3; q++) {
      expect([...found.indices.subarray(q * 4, (q + 1) * 4)].sort()).toEqual([0, 1, 2, 3]);
    }
  });

  it('the corpus must have the dtype of the queries', () => {
    const corpus = { data: new Int8Array(16) as never, rows: 4, dims: 4 };
    expect(() => topKSync(matrix(1, 4), corpus, { k: 1 })).toThrow(code('ERR_DTYPE'));
  });

  it('timers fire during a search', async () => {
    let ticks = 0;
    const timer = setInterval(() => {
      ticks++;
    }, 1);
    await topK(busyQueries, busyCorpus, { k: 10, threads: 1 });
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(3);
  });
});
