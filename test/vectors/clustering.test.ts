import { dot, kMeans, l2, type MatrixLike, normalize, PCA } from 'embedlane/vectors';
import { describe, expect, it } from 'vitest';
import { createFallback } from '#dist/native/fallback/index.js';
import { loadBinding } from '#dist/native/load.js';
import { Random } from '../native/random.js';
import { readGolden, readMatrix } from '../text/goldens.js';

const random = new Random(11);
const matrix = (rows: number, dims: number) => ({ data: random.vector(rows * dims), rows, dims });
const code = (expected: string) => expect.objectContaining({ name: 'EmbedlaneError', code: expected });
const row = ({ data, dims }: MatrixLike, i: number) => data.subarray(i * dims, (i + 1) * dims);

function expectClose(actual: ArrayLike<number>, wanted: ArrayLike<number>, tolerance: number): void {
  expect(actual.length).toBe(wanted.length);
  for (let i = 0; i < wanted.length; i++) {
    expect(Math.abs(actual[i] - wanted[i]), `value ${i}`).toBeLessThanOrEqual(tolerance);
  }
}

describe('PCA', () => {
  const rows = readMatrix('minilm/embeddings.f32.bin', 384);
  const golden = readGolden<Record<string, number[]> & Record<'components' | 'transformed', number[][]>>(
    'analytics/pca.json',
  );

  it('finds the axes of scikit-learn, signs included', async () => {
    const pca = await PCA.fit(rows, { components: 5 });
    expectClose(pca.mean, golden.mean, 1e-7);
    expectClose(pca.components.data, golden.components.flat(), 2e-5);
    expectClose(pca.explainedVariance as Float32Array, golden.explained_variance, 1e-7);
    expectClose(pca.explainedVarianceRatio as Float32Array, golden.explained_variance_ratio, 1e-6);
    const points = await pca.transform(rows);
    expect([points.rows, points.dims]).toEqual([rows.rows, 5]);
    expectClose(points.data, golden.transformed.flat(), 2e-5);
  });

  it('is the same for every number of threads, and made again from its parts', async () => {
    const many = matrix(5000, 24);
    const pca = await PCA.fit(many, { threads: 1 });
    expect(await PCA.fit(many, { threads: 7 })).toEqual(pca);
    const { mean, components } = pca;
    expect(await new PCA({ mean, components }).transform(many)).toEqual(await pca.transform(many));
    // All axes together only turn the rows: no distance changes.
    const turned = await pca.transform(many);
    expect(l2(row(turned, 0), row(turned, 1))).toBeCloseTo(l2(row(many, 0), row(many, 1)), 4);
  });

  it('has the same axes whether rows or dimensions are fewer', async () => {
    const few = matrix(30, 12);
    const wanted = await PCA.fit(few, { components: 12 });
    // Dimensions of nothing but one value have no variance.
    const wide = { data: new Float32Array(30 * 40).fill(7), rows: 30, dims: 40 };
    for (let i = 0; i < 30; i++) wide.data.set(row(few, i), i * 40 + 9);
    const found = await PCA.fit(wide, { components: 12 });
    for (let c = 0; c < 12; c++) {
      expectClose(row(found.components, c).subarray(9, 21), [...row(wanted.components, c)], 1e-5);
    }
    expectClose(
      found.explainedVariance as Float32Array,
      [...(wanted.explainedVariance as Float32Array)],
      1e-5,
    );
    // One more than have any variance: no axis is missing or doubled.
    const all = await PCA.fit(wide, { components: 13 });
    for (let c = 0; c < 13; c++) {
      for (let other = 0; other <= c; other++) {
        expect(dot(row(all.components, c), row(all.components, other))).toBeCloseTo(c === other ? 1 : 0, 5);
      }
    }
  });

  it('finds axes of hardly any variance, whichever are fewer', async () => {
    const few = matrix(30, 6);
    const shares = [1, 1e-3, 1e-5, 1e-5, 1e-7, 0];
    const wide = { data: new Float32Array(30 * 40), rows: 30, dims: 40 };
    few.data.forEach((x, i) => {
      few.data[i] = x * shares[i % 6];
    });
    for (let i = 0; i < 30; i++) wide.data.set(row(few, i), i * 40);
    const [wanted, found] = [await PCA.fit(few), await PCA.fit(wide, { components: 6 })];
    for (let c = 0; c < 5; c++) {
      const [a, b] = [found, wanted].map(({ explainedVariance }) => explainedVariance?.[c] as number);
      expect(a / b).toBeCloseTo(1, 4);
      expectClose(row(found.components, c).subarray(0, 6), [...row(wanted.components, c)], 1e-3);
    }
  });

  it('keeps rows of less rank than dimensions', async () => {
    const flat = matrix(40, 3);
    const wide = { data: new Float32Array(40 * 50), rows: 40, dims: 50 };
    for (let i = 0; i < 40; i++) wide.data.set(row(flat, i), i * 50 + 10);
    const { explainedVarianceRatio } = await PCA.fit(wide);
    expect(explainedVarianceRatio).toHaveLength(40);
    expect(explainedVarianceRatio?.slice(0, 3).reduce((sum, x) => sum + x)).toBeCloseTo(1, 6);
    for (const [rows, dims] of [
      [10, 2],
      [2, 10],
    ]) {
      const same = { data: new Float32Array(20).fill(0.5), rows, dims };
      const { components, explainedVarianceRatio } = await PCA.fit(same);
      expect(explainedVarianceRatio).toEqual(Float32Array.of(0, 0));
      expect(dot(row(components, 0), row(components, 1))).toBeCloseTo(0, 12);
    }
  });

  it('refuses what does not fit', async () => {
    await expect(PCA.fit(matrix(1, 3))).rejects.toThrow(/rows/);
    for (const components of [0, 4, 1.5, '2'] as never[]) {
      await expect(PCA.fit(matrix(9, 3), { components })).rejects.toThrow(code('ERR_INVALID_ARG'));
    }
    const bad = matrix(9, 3);
    bad.data[4] = Number.NaN;
    await expect(PCA.fit(bad)).rejects.toThrow(code('ERR_INVALID_ARG'));
    const huge = { data: new Float32Array(18).map((_, i) => (i % 2 ? 3e38 : -3e38)), rows: 6, dims: 3 };
    expect((await PCA.fit(huge)).explainedVarianceRatio?.[0]).toBeGreaterThan(0.9);
    // Finite, and so is their mean, but not what is between.
    const apart = { data: Float32Array.of(3.4e38, 1, -3.4e38, 2, -3.4e38, 3, -3.4e38, 4), rows: 4, dims: 2 };
    await expect(PCA.fit(apart)).rejects.toThrow(code('ERR_INVALID_ARG'));
    await expect(PCA.fit(rows, { signal: AbortSignal.abort() })).rejects.toThrow(code('ERR_ABORTED'));
    const slow = { signal: AbortSignal.timeout(1) };
    await expect(PCA.fit(matrix(4000, 300), slow)).rejects.toThrow(code('ERR_ABORTED'));
    const pca = await PCA.fit(matrix(9, 3));
    await expect(pca.transform(matrix(2, 4))).rejects.toThrow(code('ERR_DIMENSION'));
    expect(() => new PCA({ mean: new Float32Array(2), components: matrix(1, 3) })).toThrow(
      code('ERR_DIMENSION'),
    );
    expect(() => new PCA({ mean: [0] as never, components: matrix(1, 1) })).toThrow(code('ERR_INVALID_ARG'));
  });
});

describe('kMeans', () => {
  /** Rows around few points far apart; row i belongs to point i mod `count`. */
  function blobs(count: number, rows: number, dims: number): MatrixLike {
    const centers = matrix(count, dims);
    const data = random.vector(rows * dims).map((x, at) => {
      const i = Math.floor(at / dims);
      return 0.05 * x + 20 * centers.data[(i % count) * dims + (at % dims)];
    });
    return { data, rows, dims };
  }

  it('finds clusters that are there', async () => {
    const rows = blobs(12, 3000, 16);
    const { assignments, centroids, inertia } = await kMeans(rows, { clusters: 12, seed: 3 });
    for (let i = 12; i < rows.rows; i++) expect(assignments[i]).toBe(assignments[i % 12]);
    expect(new Set(assignments.subarray(0, 12)).size).toBe(12);
    let sum = 0;
    for (let i = 0; i < rows.rows; i++) sum += l2(row(rows, i), centroids.row(assignments[i])) ** 2;
    expect(inertia).toBeCloseTo(sum, 6);
  });

  it('ends where every row is with its nearest centroid and every centroid the mean of its rows', async () => {
    const rows = normalize(matrix(600, 5));
    const { assignments, centroids, iterations } = await kMeans(rows, { clusters: 7, tolerance: 0 });
    expect(iterations).toBeGreaterThan(1);
    const members = Array.from({ length: 7 }, () => [] as number[]);
    for (let i = 0; i < rows.rows; i++) {
      const distances = [...centroids].map((centroid) => l2(row(rows, i), centroid));
      expect(assignments[i]).toBe(distances.indexOf(Math.min(...distances)));
      members[assignments[i]].push(i);
    }
    members.forEach((own, c) => {
      const mean = Array.from(
        { length: 5 },
        (_, d) => own.reduce((sum, i) => sum + row(rows, i)[d], 0) / own.length,
      );
      expectClose(centroids.row(c), mean, 1e-6);
    });
  });

  it('is the same for every number of threads, and another with another seed', async () => {
    const rows = matrix(2000, 70);
    const first = await kMeans(rows, { clusters: 20, threads: 1, maxIterations: 4 });
    expect(await kMeans(rows, { clusters: 20, threads: 5, maxIterations: 4 })).toEqual(first);
    const other = await kMeans(rows, { clusters: 20, seed: 1, maxIterations: 4 });
    expect(other.assignments).not.toEqual(first.assignments);
    expect(first.iterations).toBe(4);
  });

  it('fills every cluster it can: copies, as many clusters as rows, a sample of many rows', async () => {
    const few = matrix(5, 3);
    const own = await kMeans(few, { clusters: 5 });
    expect([new Set(own.assignments).size, own.inertia]).toEqual([5, 0]);
    const copies = { data: new Float32Array(30).fill(1), rows: 10, dims: 3 };
    expect((await kMeans(copies, { clusters: 4 })).inertia).toBe(0);
    const many = blobs(3, 40_000, 2);
    const { assignments } = await kMeans(many, { clusters: 3 });
    for (let i = 3; i < many.rows; i += 997) expect(assignments[i]).toBe(assignments[i % 3]);
  });

  it('refuses what does not fit', async () => {
    const rows = matrix(6, 2);
    for (const clusters of [0, 7, 1.5, undefined] as never[]) {
      await expect(kMeans(rows, { clusters })).rejects.toThrow(code('ERR_INVALID_ARG'));
    }
    const bad = matrix(6, 2);
    bad.data[3] = Number.POSITIVE_INFINITY;
    await expect(kMeans(bad, { clusters: 2 })).rejects.toThrow(code('ERR_INVALID_ARG'));
    await expect(kMeans(rows, { clusters: 2, k: 3 } as never)).rejects.toThrow(/'k'/);
    await expect(kMeans(rows, { clusters: 2, signal: AbortSignal.abort() })).rejects.toThrow(
      code('ERR_ABORTED'),
    );
    await expect(
      kMeans(matrix(20_000, 64), { clusters: 200, signal: AbortSignal.timeout(5) }),
    ).rejects.toThrow(code('ERR_ABORTED'));
  });
});

describe('the sums behind them', () => {
  const [native, fallback] = [loadBinding(), createFallback()];

  it.each([
    [1, 1],
    [513, 17],
    [2050, 130],
    [520, 300],
    [9000, 3],
  ])('have the same bits natively and in TypeScript: %i × %i', async (rows, dims) => {
    const { data } = matrix(rows, dims);
    const groups = Uint32Array.from({ length: rows }, (_, i) => (i * 7) % 5);
    const mean = Float64Array.from(random.vector(dims));
    const results = [];
    for (const binding of [native, fallback]) {
      const sums = new Float64Array(5 * dims);
      await binding.groupSums(data, dims, groups, 5, 3, sums).promise;
      const scatter = new Float64Array(dims * dims);
      await binding.scatterMatrix(data, dims, mean, 3, scatter).promise;
      results.push({ sums, scatter });
    }
    expect(results[0]).toEqual(results[1]);
    let first = 0;
    for (let i = 0; i < rows; i++) first += (data[i * dims] - mean[0]) ** 2;
    expect(results[0].scatter[0] / first).toBeCloseTo(1, 5);
  });

  it.each([1, 2, 33, 100])('have the same eigenvectors, signs aside: %i × %i', async (n) => {
    const scatter = new Float64Array(n * n);
    const { data } = matrix(3 * n, n);
    await native.scatterMatrix(data, n, new Float64Array(n), 2, scatter).promise;
    const [found, wanted] = await Promise.all(
      [native, fallback].map(async (binding) => {
        const [values, vectors] = [new Float64Array(n), new Float64Array(Math.ceil(n / 2) * n)];
        await binding.symmetricEigen(scatter.slice(), values, vectors).promise;
        return { values, vectors };
      }),
    );
    expectClose(found.values, wanted.values, 1e-11 * wanted.values[0]);
    for (let at = 0; at < found.vectors.length; at += n) {
      const [a, b] = [found, wanted].map(({ vectors }) => vectors.subarray(at, at + n));
      const sign = Math.sign(a.reduce((sum, x, i) => sum + x * b[i], 0));
      expectClose(
        a,
        b.map((x) => sign * x),
        1e-9,
      );
    }
  });

  it('stop when they are cancelled', async () => {
    for (const binding of [native, fallback]) {
      const task = binding.symmetricEigen(
        new Float64Array(400 ** 2).fill(1),
        new Float64Array(400),
        new Float64Array(),
      );
      task.cancel();
      await expect(task.promise).rejects.toThrow(code('ERR_ABORTED'));
    }
  });

  it('check what they are given once more', () => {
    const [data, sums] = [new Float32Array(6), new Float64Array(3)];
    const groups = Uint32Array.of(0, 1);
    expect(() => native.groupSums(data, 3, groups, 1, 1, sums)).toThrow(code('ERR_INVALID_ARG'));
    expect(() => native.groupSums(data, 3, groups, 2, 1, sums)).toThrow(code('ERR_DIMENSION'));
    expect(() => native.scatterMatrix(data, 3, sums, 1, sums)).toThrow(code('ERR_DIMENSION'));
    expect(() => native.scatterMatrix(data, 3, data as never, 1, sums)).toThrow(code('ERR_DTYPE'));
    const square = new Float64Array(9);
    expect(() => native.symmetricEigen(square, new Float64Array(2), sums)).toThrow(code('ERR_DIMENSION'));
    expect(() => native.symmetricEigen(square, sums, new Float64Array(4))).toThrow(code('ERR_DIMENSION'));
    expect(() => native.symmetricEigen(square, sums, new Float64Array(12))).toThrow(code('ERR_DIMENSION'));
  });
});
