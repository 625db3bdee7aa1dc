import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { runNode } from './processes.js';

/** A search that takes a good part of a second, so that it is under way when something happens. */
const SETUP = `
const { topK, topKSync } = await import('embedlane/vectors');
const dims = 256;
const matrix = (rows, seed) => {
  const data = new Float32Array(rows * dims);
  for (let i = 0, x = seed; i < data.length; i++) data[i] = (x = (x * 16807) % 2147483647) / 2147483647 - 0.5;
  return { data, rows, dims };
};
const corpus = matrix(20_000, 1);
const queries = matrix(2_000, 2);
`;

function startWorker(body: string): Worker {
  const worker = new Worker(
    `(async () => { const { parentPort } = require('node:worker_threads'); ${body} })()`,
    {
      eval: true,
    },
  );
  worker.setMaxListeners(0);
  return worker;
}

describe('worker threads', () => {
  it('search in several at once, with the same result', async () => {
    const body = `${SETUP}
      const small = matrix(20, 3);
      const found = await topK(small, corpus, { k: 5 });
      const again = topKSync(small, corpus, { k: 5, threads: 1 });
      parentPort.postMessage([[...found.indices], [...again.indices]]);`;
    const results = await Promise.all(
      Array.from({ length: 6 }, async () => {
        const worker = startWorker(body);
        const [[result]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
        return result as [number[], number[]];
      }),
    );
    for (const [found, again] of results) {
      expect(found).toEqual(again);
      expect(found).toEqual(results[0][0]);
    }
  });

  it('end in the middle of a search without harm, many times', async () => {
    const body = `${SETUP}
      const searches = Array.from({ length: 4 }, () => topK(queries, corpus, { k: 10 }));
      parentPort.postMessage('under way');
      await Promise.all(searches);`;
    for (let round = 0; round < 8; round++) {
      const workers = Array.from({ length: 2 }, () => startWorker(body));
      await Promise.all(
        workers.map(async (worker) => {
          await once(worker, 'message');
          await new Promise((resolve) => setTimeout(resolve, round));
          expect(await worker.terminate()).toBe(1);
        }),
      );
    }
  });

  it('may load and unload the addon again and again', async () => {
    for (let round = 0; round < 10; round++) {
      const worker = startWorker(`
        const { topK } = await import('embedlane/vectors');
        const m = { data: Float32Array.of(1, 2, 3, 4), rows: 2, dims: 2 };
        parentPort.postMessage((await topK(m, m, { k: 1, metric: 'l2' })).indices[1]);`);
      const [[index]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
      expect(index).toBe(1);
    }
  });
});

describe('process end in the middle of searches', () => {
  const searches = `${SETUP} const all = Array.from({ length: 8 }, () => topK(queries, corpus, { k: 10 }));`;

  it.each([0, 1, 5, 20])('process.exit keeps its code, %i ms in', async (delay) => {
    const outcome = await runNode(`${searches} setTimeout(() => process.exit(7), ${delay});`);
    expect(outcome).toMatchObject({ code: 7, signal: null, stderr: '' });
  });

  it('an uncaught exception stays an ordinary one', async () => {
    const outcome = await runNode(`${searches} setTimeout(() => { throw new Error('on purpose'); }, 5);`);
    expect(outcome).toMatchObject({ code: 1, signal: null });
    expect(outcome.stderr).toContain('on purpose');
  });

  it('process.exit with searches in workers', async () => {
    const outcome = await runNode(`
      const { Worker } = await import('node:worker_threads');
      const body = ${JSON.stringify(`(async () => { ${searches} (await import('node:worker_threads')).parentPort.postMessage(0); })()`)};
      let started = 0;
      for (let i = 0; i < 3; i++) {
        new Worker(body, { eval: true }).on('message', () => { if (++started === 3) process.exit(9); });
      }`);
    expect(outcome).toMatchObject({ code: 9, signal: null, stderr: '' });
  });

  it('lets a process end by itself once they are done, and not before', async () => {
    const outcome = await runNode(`${SETUP}
      topK(matrix(50, 3), corpus, { k: 10 }).then(() => console.log('done'));`);
    expect(outcome).toMatchObject({ code: 0, stdout: 'done\n', stderr: '' });
  });
});

describe('memory', () => {
  it('survives garbage collection of everything that a search uses', async () => {
    const outcome = await runNode(
      `${SETUP}
      const wanted = topKSync(matrix(40, 3), matrix(3_000, 4), { k: 5 });
      const searches = [];
      for (let i = 0; i < 30; i++) {
        searches.push(topK(matrix(40, 3), matrix(3_000, 4), { k: 5 }));
        globalThis.gc();
      }
      for (const found of await Promise.all(searches)) {
        globalThis.gc();
        if (String(found.indices) !== String(wanted.indices)) throw new Error('differs');
      }
      console.log('same');`,
      {},
      ['--expose-gc'],
    );
    expect(outcome).toMatchObject({ code: 0, stdout: 'same\n', stderr: '' });
  });

  it('does not grow with the number of searches', async () => {
    const outcome = await runNode(
      `${SETUP}
      const small = matrix(30, 3);
      const round = async (n) => { for (let i = 0; i < n; i++) await topK(small, corpus, { k: 10 }); globalThis.gc(); return process.memoryUsage().rss; };
      await round(20);
      const before = await round(20);
      console.log((await round(100)) - before);`,
      {},
      ['--expose-gc'],
    );
    expect(outcome.stderr).toBe('');
    expect(Number(outcome.stdout)).toBeLessThan(24 * 2 ** 20);
  });
});
