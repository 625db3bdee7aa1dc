import { afterAll, describe, expect, it } from 'vitest';
import type { Metric, NativeBinding } from '#dist/native/binding.js';
import { loadBinding } from '#dist/native/load.js';
import { implementations } from './levels.js';
import { exactTopK } from './oracle.js';
import { Random } from './random.js';

const all = implementations();
const best = loadBinding().simdLevel();
afterAll(() => loadBinding().setSimdLevel(best));

const METRICS: Metric[] = ['cosine', 'dot', 'l2'];

interface Search {
  queries: Float32Array;
  corpus: Float32Array;
  dims: number;
  k: number;
  metric: Metric;
}

function run(binding: NativeBinding, { queries, corpus, dims, k, metric }: Search, threads: number) {
  return binding.topKSync(queries, corpus, dims, k, metric, threads);
}

/** Every implementation and several numbers of threads must give exactly `wanted`. */
function expectEverywhere(
  search: Search,
  wanted = exactTopK(...(Object.values(search) as Parameters<typeof exactTopK>)),
) {
  for (const { name, use } of all) {
    for (const threads of name === 'typescript' ? [1] : [1, 2, 5]) {
      const found = run(use(), search, threads);
      const where = `${name}, ${threads} threads, ${search.metric}, dims ${search.dims}, k ${search.k}`;
      if (!same(found.indices, wanted.indices)) expect(found.indices, where).toEqual(wanted.indices);
      if (!same(found.scores, wanted.scores)) expect(found.scores, where).toEqual(wanted.scores);
    }
  }
}

function same(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
  return true;
}

/** A corpus of `rows` made by `row(i)`. */
function rowsOf(rows: number, row: (i: number) => ArrayLike<number>): Float32Array {
  return Float32Array.from(Array.from({ length: rows }, (_, i) => Array.from(row(i))).flat());
}

describe.each(METRICS)('top-k by %s equals sorting every float64 score', (metric) => {
  it('for random vectors of every shape', () => {
    const random = new Random(10);
    for (const dims of [1, 2, 3, 5, 8, 15, 16, 17, 31, 33, 64, 100, 130]) {
      for (const batch of [1, 2, 3, 4, 5, 13, 40]) {
        const n = 1 + random.below(150);
        const k = Math.min(n, 1 + random.below(12));
        expectEverywhere({
          queries: random.vector(batch * dims),
          corpus: random.vector(n * dims),
          dims,
          k,
          metric,
        });
      }
    }
  });

  it('for corpora of many blocks, with k up to all rows', () => {
    const random = new Random(11);
    const dims = 24;
    const corpus = random.vector(9000 * dims);
    for (const [batch, k] of [
      [1, 10],
      [5, 1],
      [6, 37],
    ]) {
      expectEverywhere({ queries: random.vector(batch * dims), corpus, dims, k, metric });
    }
    const small = corpus.subarray(0, 700 * dims);
    expectEverywhere({ queries: random.vector(5 * dims), corpus: small, dims, k: 700, metric });
    expectEverywhere({ queries: random.vector(5 * dims), corpus: small, dims, k: 699, metric });
  });

  it('for more queries than one group', () => {
    const random = new Random(12);
    const queries = random.vector(1030 * 4);
    expectEverywhere({ queries, corpus: random.vector(90 * 4), dims: 4, k: 3, metric });
  });

  it('for rows longer than one chain of additions, and too long for tiles', () => {
    const random = new Random(13);
    for (const dims of [511, 512, 513, 1025, 1537, 16385]) {
      expectEverywhere({
        queries: random.vector(5 * dims),
        corpus: random.vector((dims > 10000 ? 7 : 40) * dims),
        dims,
        k: 4,
        metric,
      });
    }
  });

  it('for ties: duplicates, identical rows, few distinct values', () => {
    const random = new Random(14);
    const dims = 9;
    const queries = rowsOf(6, () => random.vector(dims));
    const one = random.vector(dims);
    const kinds: ((i: number) => ArrayLike<number>)[] = [
      () => one,
      (i) => one.map((x, j) => x + (j === i % 3 ? 1 : 0)),
      () => Array.from({ length: dims }, () => random.below(2)),
    ];
    for (const kind of kinds) {
      for (const k of [1, 10, 250]) expectEverywhere({ queries, corpus: rowsOf(500, kind), dims, k, metric });
    }
  });

  it('for near-duplicates, where the filter cannot decide', () => {
    const random = new Random(15);
    const dims = 40;
    const base = random.vector(dims, 10);
    const corpus = rowsOf(400, () => base.map((x) => x + random.normal() * 1e-5));
    const queries = rowsOf(5, (i) => (i === 0 ? base : base.map((x) => x + random.normal() * 1e-6)));
    expectEverywhere({ queries, corpus, dims, k: 20, metric });
  });

  it('for rows that get better and better, so that all of them pass', () => {
    const dims = 7;
    const corpus = rowsOf(3000, (i) => Array.from({ length: dims }, (_, j) => (j === 0 ? i : 3000 - i)));
    const queries = rowsOf(5, (q) => Array.from({ length: dims }, (_, j) => (j === 0 ? 3000 + q : 0)));
    expectEverywhere({ queries, corpus, dims, k: 10, metric });
  });

  it('for zero vectors, on either side', () => {
    const random = new Random(16);
    const dims = 12;
    const corpus = rowsOf(300, (i) => (i % 3 === 0 ? new Float32Array(dims) : random.vector(dims)));
    const queries = rowsOf(5, (q) => (q === 2 ? new Float32Array(dims) : random.vector(dims)));
    for (const k of [1, 150, 300]) expectEverywhere({ queries, corpus, dims, k, metric });
  });

  it.each([1e-45, 1e-38, 1e-25, 1e-16, 1e15, 1e18, 1e19, 1e30, 1e38])('for vectors near %f', (scale) => {
    const random = new Random(17);
    const dims = 20;
    const plain = rowsOf(200, (i) => random.vector(dims, i % 4 === 0 ? scale : 1));
    const scaled = random.vector(200 * dims, scale);
    for (const corpus of [plain, scaled]) {
      for (const queries of [random.vector(5 * dims), random.vector(5 * dims, scale)]) {
        expectEverywhere({ queries, corpus, dims, k: 7, metric });
      }
    }
  });

  it('with NaN and Inf: after every number, by index', () => {
    const random = new Random(18);
    const dims = 10;
    const specials = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    const corpus = rowsOf(200, (i) => {
      const row = random.vector(dims);
      if (i % 5 === 0) row[i % dims] = specials[i % 3];
      return row;
    });
    const queries = rowsOf(6, (q) => {
      const query = random.vector(dims);
      if (q > 3) query[q] = specials[q - 4];
      return query;
    });
    for (const k of [5, 200]) expectEverywhere({ queries, corpus, dims, k, metric });
  });

  it('for views with byte offsets', () => {
    const random = new Random(19);
    const dims = 33;
    const memory = random.vector(60 * dims + 20);
    for (const offset of [1, 2, 3]) {
      const corpus = memory.subarray(offset, offset + 50 * dims);
      const queries = memory.subarray(offset + 50 * dims, offset + 55 * dims);
      expectEverywhere({ queries, corpus, dims, k: 5, metric });
    }
  });
});

it("gives the pair functions' scores", () => {
  const random = new Random(20);
  const dims = 50;
  const queries = random.vector(8 * dims);
  const corpus = random.vector(300 * dims);
  for (const { use } of all) {
    const binding = use();
    for (const metric of METRICS) {
      const { indices, scores } = run(binding, { queries, corpus, dims, k: 9, metric }, 2);
      indices.forEach((index, i) => {
        const q = Math.floor(i / 9);
        const pair = binding[metric](
          queries.subarray(q * dims, (q + 1) * dims),
          corpus.subarray(index * dims, (index + 1) * dims),
        );
        expect(scores[i]).toBe(pair);
      });
    }
  }
});

it('gives the same result asynchronously', async () => {
  const random = new Random(21);
  const dims = 48;
  const corpus = random.vector(5000 * dims);
  for (const { use } of all) {
    const binding = use();
    for (const batch of [1, 30]) {
      const queries = random.vector(batch * dims);
      const wanted = binding.topKSync(queries, corpus, dims, 10, 'cosine', 1);
      const { promise } = binding.topK(queries, corpus, dims, 10, 'cosine', 2);
      queries.fill(0); // they were copied
      expect(await promise).toEqual(wanted);
    }
  }
});
