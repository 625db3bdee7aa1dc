import { monitorEventLoopDelay } from 'node:perf_hooks';
import {
  communityDetection,
  cosine,
  dot,
  type MatrixLike,
  maximalMarginalRelevance,
  pairwiseSimilarity,
  paraphraseMining,
  reciprocalRankFusion,
  semanticSearch,
  topKSync,
} from 'embedlane/vectors';
import { describe, expect, it } from 'vitest';
import { Random } from '../native/random.js';
import { readGolden, readMatrix } from '../text/goldens.js';

const DIMS = 384;
const random = new Random(77);
const matrix = (rows: number, dims: number) => ({ data: random.vector(rows * dims), rows, dims });
const code = (expected: string) => expect.objectContaining({ name: 'EmbedlaneError', code: expected });

function rowsOf({ data, dims }: MatrixLike, start: number, end: number): MatrixLike {
  return { data: data.subarray(start * dims, end * dims), rows: end - start, dims };
}

/** The rows that a golden was made from. */
function gather({ data, dims }: MatrixLike, rows: number[]): MatrixLike {
  const picked = rows.flatMap((row) => Array.from(data.subarray(row * dims, (row + 1) * dims)));
  return { data: Float32Array.from(picked), rows: rows.length, dims };
}

const normalized = readMatrix('minilm/embeddings.f32.bin', DIMS);
const unnormalized = readMatrix('minilm/embeddings_unnormalized.f32.bin', DIMS);

/** Scores within `tolerance`, and ids up to the order of equal scores. */
function expectHits(
  found: readonly { corpusId: number; score: number }[],
  wanted: readonly { corpus_id: number; score: number }[],
  tolerance: number,
): void {
  expect(found.length).toBe(wanted.length);
  wanted.forEach(({ score }, i) => {
    expect(Math.abs(found[i].score - score)).toBeLessThanOrEqual(tolerance);
  });
  const last = wanted[wanted.length - 1].score;
  const sure = wanted.filter(({ score }) => score > last + tolerance).map((hit) => hit.corpus_id);
  expect(found.map((hit) => hit.corpusId)).toEqual(expect.arrayContaining(sure));
}

interface SearchCase {
  top_k: number;
  score_function: string;
  on?: string;
  queries?: string;
  expected: { corpus_id: number; score: number }[][];
}

describe('semanticSearch', () => {
  const { cases } = readGolden<{ cases: SearchCase[] }>('minilm/semantic_search.json');

  it.each(cases)('finds what sentence-transformers finds: $score_function, top $top_k', async (golden) => {
    const source = golden.on ? unnormalized : normalized;
    const queries = rowsOf(source, 0, golden.expected.length);
    const corpus = rowsOf(source, 20, source.rows);
    const metric = golden.score_function === 'cos_sim' ? 'cosine' : 'dot';
    const whole = await semanticSearch(queries, corpus, { k: golden.top_k, metric });
    golden.expected.forEach((wanted, query) => {
      expectHits(whole[query], wanted, golden.on ? 1e-4 : 1e-6);
    });

    async function* parts() {
      for (let row = 20; row < source.rows; row += 7)
        yield rowsOf(source, row, Math.min(row + 7, source.rows));
    }
    expect(await semanticSearch(queries, parts(), { k: golden.top_k, metric })).toEqual(whole);
  });

  it('merges parts for distances, and puts NaN behind every number', async () => {
    const query = { data: Float32Array.of(0), rows: 1, dims: 1 };
    const part = (...values: number[]) => ({ data: Float32Array.from(values), rows: values.length, dims: 1 });
    const hits = await semanticSearch(query, [part(Number.NaN, 5), part(), part(1, 5)], {
      metric: 'l2',
      k: 9,
    });
    expect(hits[0].map(({ corpusId }) => corpusId)).toEqual([2, 1, 3, 0]);
  });

  it('refuses what does not fit', async () => {
    const query = rowsOf(normalized, 0, 1);
    for (const corpus of [null, undefined, 3, 'abc', {}] as never[]) {
      await expect(semanticSearch(query, corpus)).rejects.toThrow(code('ERR_INVALID_ARG'));
    }
    await expect(semanticSearch(query, [query, {} as never])).rejects.toThrow(/corpus\[1\]/);
    await expect(semanticSearch(query, matrix(2, 3))).rejects.toThrow(code('ERR_DIMENSION'));
    await expect(semanticSearch(query, query, { k: 0 })).rejects.toThrow(code('ERR_INVALID_ARG'));
    await expect(semanticSearch(query, query, { topk: 3 } as never)).rejects.toThrow(/topk/);
    await expect(semanticSearch(query, query, { signal: AbortSignal.abort() })).rejects.toThrow(
      code('ERR_ABORTED'),
    );
  });
});

describe('paraphraseMining', () => {
  const { rows: source, cases } = readGolden<{
    rows: number[];
    cases: { top_k: number; max_pairs?: number; total_pairs?: number; expected: number[][] }[];
  }>('minilm/paraphrase_mining.json');

  it.each(cases)('finds the pairs of sentence-transformers: top $top_k', async (golden) => {
    const options = { k: golden.top_k, maxPairs: golden.max_pairs };
    const pairs = await paraphraseMining(gather(normalized, source), options);
    expect(pairs.length).toBe(golden.total_pairs ?? golden.expected.length);
    golden.expected.forEach(([score, i, j], place) => {
      expect(pairs[place].slice(1)).toEqual([i, j]);
      expect(Math.abs(pairs[place][0] - score)).toBeLessThanOrEqual(1e-6);
    });
  });

  /** By a set of pairs instead of the reach of each row's list. */
  function plain(rows: MatrixLike, k: number): number[][] {
    const found = topKSync(rows, rows, { k: rows.rows });
    const pairs = new Map<string, number[]>();
    for (let i = 0; i < rows.rows; i++) {
      const neighbours = found.get(i).filter(({ index }) => index !== i);
      for (const { index: j, score } of neighbours.slice(0, k)) {
        if (Number.isNaN(score)) continue;
        const pair = [score, Math.min(i, j), Math.max(i, j)];
        pairs.set(pair.slice(1).join(), pair);
      }
    }
    return [...pairs.values()].sort((a, b) => b[0] - a[0] || a[1] - b[1] || a[2] - b[2]);
  }

  it.each([1, 3, 39, 500])('counts a pair once, among ties, copies and NaN: k = %i', async (k) => {
    const rows = matrix(40, 2);
    // Few distinct values make many ties.
    rows.data.forEach((value, i) => {
      rows.data[i] = Math.round(value * 2);
    });
    rows.data[7] = Number.NaN;
    expect(await paraphraseMining(rows, { k })).toEqual(plain(rows, k));
    const best = plain(rows, k).slice(0, 11);
    expect(await paraphraseMining(rows, { k, maxPairs: 11 })).toEqual(best);
  });

  it('leaves the event loop free, tells its progress, and can be stopped', async () => {
    const rows = matrix(3000, 16);
    const seen: number[] = [];
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const pairs = await paraphraseMining(rows, { onProgress: ({ completed }) => seen.push(completed) });
    delay.disable();
    expect(pairs.length).toBeGreaterThan(100_000);
    expect(seen).toEqual([1024, 2048, 3000]);
    expect(delay.percentile(50) / 1e6).toBeLessThan(50);

    const stop = new AbortController();
    const stopped = paraphraseMining(rows, { signal: stop.signal, onProgress: () => stop.abort() });
    await expect(stopped).rejects.toThrow(code('ERR_ABORTED'));
  });

  it('takes no rows, and refuses what does not fit', async () => {
    expect(await paraphraseMining({ data: new Float32Array(0), rows: 0, dims: 0 })).toEqual([]);
    expect(await paraphraseMining(matrix(1, 3))).toEqual([]);
    for (const options of [{ k: 0 }, { maxPairs: 0 }, { metric: 'l2' }, { onProgress: 1 }] as never[]) {
      await expect(paraphraseMining(matrix(2, 2), options)).rejects.toThrow(code('ERR_INVALID_ARG'));
    }
  });
});

describe('communityDetection', () => {
  const { rows: source, cases } = readGolden<{
    rows: number[];
    cases: { threshold: number; min_community_size: number; expected: number[][] }[];
  }>('minilm/community_detection.json');

  it.each(cases)(
    'finds the communities of sentence-transformers: $threshold, $min_community_size',
    async (golden) => {
      const found = await communityDetection(gather(normalized, source), {
        threshold: golden.threshold,
        minCommunitySize: golden.min_community_size,
      });
      expect(found).toEqual(golden.expected);
    },
  );

  it('finds a community that is larger than the first list', async () => {
    const rows = matrix(500, 8);
    for (let row = 0; row < 400; row++) {
      for (let d = 0; d < 8; d++) rows.data[row * 8 + d] = d === 0 ? 1 : 0.001 * rows.data[row * 8 + d];
    }
    const [largest] = await communityDetection(rows, { threshold: 0.99, minCommunitySize: 2 });
    expect([...largest].sort((a, b) => a - b)).toEqual(expect.arrayContaining([...Array(400).keys()]));
    const center = rows.data.subarray(largest[0] * 8, largest[0] * 8 + 8);
    const scores = largest.map((row) => cosine(center, rows.data.subarray(row * 8, row * 8 + 8)));
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
    expect(scores[scores.length - 1]).toBeGreaterThanOrEqual(Math.fround(0.99));
  });

  it('is empty where there are too few rows, and refuses what does not fit', async () => {
    expect(await communityDetection(matrix(9, 4))).toEqual([]);
    for (const options of [{ threshold: Number.NaN }, { threshold: '1' }, { minCommunitySize: 0 }] as never[])
      await expect(communityDetection(matrix(2, 2), options)).rejects.toThrow(code('ERR_INVALID_ARG'));
    await expect(communityDetection(normalized, { signal: AbortSignal.abort() })).rejects.toThrow(
      code('ERR_ABORTED'),
    );
  });
});

describe('pairwiseSimilarity', () => {
  it.each([
    ['cosine', 'cos_sim'],
    ['dot', 'dot_score'],
    ['euclidean', 'euclidean_sim'],
    ['manhattan', 'manhattan_sim'],
  ] as const)('is the pairwise %s of sentence-transformers', (metric, file) => {
    const golden = readMatrix(`minilm/sim_pairwise_${file}.f32.bin`, 40);
    const scores = pairwiseSimilarity(rowsOf(unnormalized, 0, 40), rowsOf(unnormalized, 40, 80), { metric });
    golden.data.forEach((wanted, row) => {
      expect(Math.abs(scores[row] - wanted)).toBeLessThanOrEqual(2e-6 * Math.max(1, Math.abs(wanted)));
    });
  });

  it('refuses matrices of different shapes', () => {
    expect(() => pairwiseSimilarity(matrix(2, 3), matrix(3, 3))).toThrow(code('ERR_DIMENSION'));
    expect(() => pairwiseSimilarity(matrix(2, 3), matrix(2, 4))).toThrow(code('ERR_DIMENSION'));
    expect(() => pairwiseSimilarity(matrix(2, 3), matrix(2, 3), { metric: 'l2' as never })).toThrow(
      code('ERR_INVALID_ARG'),
    );
    const none = { data: new Float32Array(0), rows: 0, dims: 0 };
    expect(pairwiseSimilarity(none, none)).toEqual(new Float32Array(0));
  });
});

describe('maximalMarginalRelevance', () => {
  const query = random.vector(6);
  const candidates = matrix(30, 6);
  const row = (i: number) => candidates.data.subarray(i * 6, i * 6 + 6);

  /** The definition, one comparison at a time. */
  function plain(k: number, lambda: number, score: (a: Float32Array, b: Float32Array) => number): number[] {
    const chosen: number[] = [];
    while (chosen.length < k) {
      let best = -1;
      let most = Number.NEGATIVE_INFINITY;
      for (let i = 0; i < candidates.rows; i++) {
        if (chosen.includes(i)) continue;
        const redundancy = Math.max(...chosen.map((j) => score(row(i), row(j))));
        const relevance = score(query, row(i));
        const value = chosen.length === 0 ? relevance : lambda * relevance - (1 - lambda) * redundancy;
        if (value > most) [best, most] = [i, value];
      }
      chosen.push(best);
    }
    return chosen;
  }

  it.each([0, 0.3, 0.5, 1])('follows its definition: lambda %f', (lambda) => {
    for (const [metric, score] of [
      ['cosine', cosine],
      ['dot', dot],
    ] as const) {
      const hits = maximalMarginalRelevance(query, candidates, { k: 12, lambda, metric });
      expect(hits.map(({ index }) => index)).toEqual(plain(12, lambda, score));
      expect(hits.map(({ index }) => score(query, row(index)))).toEqual(hits.map((hit) => hit.score));
    }
  });

  it('skips a copy of what it has, and returns all where there are few', () => {
    const twins = { data: Float32Array.of(1, 0, 1, 0, 0.6, 0.8), rows: 3, dims: 2 };
    const hits = maximalMarginalRelevance(Float32Array.of(1, 0.1), twins, { k: 2 });
    expect(hits.map(({ index }) => index)).toEqual([0, 2]);
    expect(maximalMarginalRelevance(Float32Array.of(1, 0), twins, { k: 50 })).toHaveLength(3);
    expect(maximalMarginalRelevance(query, { data: new Float32Array(0), rows: 0, dims: 0 })).toEqual([]);
  });

  it('refuses what does not fit', () => {
    expect(() => maximalMarginalRelevance(new Float32Array(5), candidates)).toThrow(code('ERR_DIMENSION'));
    for (const options of [{ lambda: 1.1 }, { lambda: Number.NaN }, { k: 0 }, { metric: 'l2' }] as never[]) {
      expect(() => maximalMarginalRelevance(query, candidates, options)).toThrow(code('ERR_INVALID_ARG'));
    }
  });
});

describe('reciprocalRankFusion', () => {
  it('adds what each place earns', () => {
    const fused = reciprocalRankFusion([
      ['a', 'b', 'c'],
      ['c', 'd', 'c'],
    ]);
    expect(fused.map(({ id }) => id)).toEqual(['c', 'a', 'b', 'd']);
    expect(fused[0].score).toBeCloseTo(1 / 63 + 1 / 61, 12);
    const weighted = reciprocalRankFusion([[1], [2]], { weights: [1, 3], rankConstant: 0 });
    expect(weighted).toEqual([
      { id: 2, score: 3 },
      { id: 1, score: 1 },
    ]);
    expect(reciprocalRankFusion([])).toEqual([]);
  });

  it('refuses what does not fit', () => {
    for (const rankings of [null, 'ab', [['a'], 3], ['ab'], new Array(2)] as never[]) {
      expect(() => reciprocalRankFusion(rankings)).toThrow(code('ERR_INVALID_ARG'));
    }
    for (const options of [{ weights: [1] }, { weights: [1, -1] }, { rankConstant: -1 }, { k: 3 }] as never[])
      expect(() => reciprocalRankFusion([['a'], ['b']], options)).toThrow(code('ERR_INVALID_ARG'));
  });
});
