import { describe, expect, it } from 'vitest';
import type { TopKArrays } from '#dist/native/binding.js';
import { topK, topKSync } from '#dist/vectors/index.js';
import { type Pass, PassQueue } from '#dist/vectors/pass-queue.js';

/** The error that a promise rejects with. */
function outcome(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** A corpus whose search answers [query, query] and [2 × query, 2 × query] when it is told to. */
function fakeCorpus() {
  const passes: { queries: number[]; finish: (error?: Error) => void; cancelled: boolean }[] = [];
  let idle = 0;
  const pass: Pass<Float32Array, TopKArrays> = {
    share: ({ indices, scores }, first, end) => ({
      indices: indices.slice(2 * first, 2 * end),
      scores: scores.slice(2 * first, 2 * end),
    }),
    start: (queries) => {
      const pass = { queries: [...queries], finish: (_?: Error) => {}, cancelled: false };
      passes.push(pass);
      const promise = new Promise<{ indices: Uint32Array; scores: Float32Array }>((resolve, reject) => {
        pass.finish = (error) => {
          if (error) reject(error);
          const twice = pass.queries.flatMap((query) => [query, query]);
          resolve({ indices: Uint32Array.from(twice), scores: Float32Array.from(twice, (x) => 2 * x) });
        };
      });
      return {
        promise,
        cancel() {
          pass.cancelled = true;
          pass.finish(new Error('cancelled'));
        },
      };
    },
  };
  const queue = new PassQueue(pass, () => {
    idle++;
  });
  return { queue, passes, idles: () => idle };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('searches of one corpus', () => {
  it('start at once, and share the next pass if another is under way', async () => {
    const { queue, passes, idles } = fakeCorpus();
    const query = Float32Array.of(3);
    const tasks = [1, 2, 3].map((x) => {
      query[0] = x;
      return queue.add(query, 1);
    });
    query[0] = 99; // copied
    expect(passes.map((pass) => pass.queries)).toEqual([[1]]);
    passes[0].finish();
    await turn();
    expect(passes.map((pass) => pass.queries)).toEqual([[1], [2, 3]]);
    passes[1].finish();
    const results = await Promise.all(tasks.map((task) => task.promise));
    expect(results.map(({ indices }) => [...indices])).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
    expect(results.map(({ scores }) => [...scores])).toEqual([
      [2, 2],
      [4, 4],
      [6, 6],
    ]);
    await turn();
    expect(idles()).toBe(1);
  });

  it('take at most 256 queries into a pass', async () => {
    const { queue, passes } = fakeCorpus();
    const tasks = Array.from({ length: 601 }, (_, i) => queue.add(Float32Array.of(i), 1));
    for (let pass = 0; pass < 4; pass++) {
      passes[pass].finish();
      await turn();
    }
    expect(passes.map((pass) => pass.queries.length)).toEqual([1, 256, 256, 88]);
    expect([...(await tasks[600].promise).indices]).toEqual([600, 600]);
  });

  it('are cancelled one by one; a pass stops when nobody waits for it', async () => {
    const { queue, passes } = fakeCorpus();
    const tasks = [1, 2, 3, 4].map((x) => queue.add(Float32Array.of(x), 1));
    const outcomes = tasks.map((task) => outcome(task.promise));
    tasks[1].cancel();
    expect(await outcomes[1]).toMatchObject({ code: 'ERR_ABORTED' });
    passes[0].finish();
    await turn();
    expect(passes[1].queries).toEqual([3, 4]);
    tasks[2].cancel();
    expect(passes[1].cancelled).toBe(false);
    tasks[3].cancel();
    expect(passes[1].cancelled).toBe(true);
    expect(await Promise.all(outcomes.slice(2))).toMatchObject([
      { code: 'ERR_ABORTED' },
      { code: 'ERR_ABORTED' },
    ]);
  });

  it('all hear of a failure, and the next ones go on', async () => {
    const { queue, passes } = fakeCorpus();
    const first = outcome(queue.add(Float32Array.of(1), 1).promise);
    const second = queue.add(Float32Array.of(2), 1);
    passes[0].finish(new Error('out of memory'));
    expect(await first).toMatchObject({ message: 'out of memory' });
    passes[1].finish();
    expect([...(await second.promise).indices]).toEqual([2, 2]);
  });
});

describe('topK', () => {
  it('gives 300 concurrent searches what each would get alone', async () => {
    const dims = 24;
    const values = (n: number, seed: number) =>
      Float32Array.from({ length: n * dims }, (_, i) => Math.sin((i + 1) * seed));
    const corpus = { data: values(2000, 0.7), rows: 2000, dims };
    const all = values(300, 1.3);
    const queries = Array.from({ length: 300 }, (_, i) => ({
      data: all.slice(i * dims, (i + 1) * dims),
      rows: 1,
      dims,
    }));
    const aborted = new AbortController();
    const found = queries.map((query, i) =>
      topK(query, corpus, { k: 1 + (i % 3), signal: i % 50 === 7 ? aborted.signal : undefined }),
    );
    const outcomes = found.map((promise) => outcome(promise));
    aborted.abort();
    for (const [i, query] of queries.entries()) {
      if (i % 50 === 7) {
        expect(await outcomes[i]).toMatchObject({ code: 'ERR_ABORTED' });
      } else {
        const { indices, scores } = await found[i];
        const { indices: wanted, scores: wantedScores } = topKSync(query, corpus, { k: 1 + (i % 3) });
        expect({ indices, scores }).toEqual({ indices: wanted, scores: wantedScores });
      }
    }
  });
});
