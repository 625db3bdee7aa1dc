import { Embeddings, FlatIndex, type Id } from 'embedlane';
import { describe, expect, it } from 'vitest';
import { code, contentsOf, matrixOf, randomMatrix } from './support.js';

describe('a new index', () => {
  it('is empty', async () => {
    const index = new FlatIndex({ dims: 3 });
    expect([index.size, index.dims, index.metric, index.dtype]).toEqual([0, 3, 'cosine', 'f32']);
    expect([...index]).toEqual([]);
    const found = index.searchSync(matrixOf([1, 2, 3], [4, 5, 6]), { k: 2 });
    expect([found.rows, found.k, found.ids, found.get(1)]).toEqual([2, 0, [], []]);
    expect((await index.search(matrixOf([1, 2, 3]), { k: 2 })).get(0)).toEqual([]);
    expect(index.rangeSearchSync(matrixOf([1, 2, 3]), { radius: 0 }).get(0)).toEqual([]);
  });

  it.each([
    [undefined],
    [{}],
    [{ dims: 0 }],
    [{ dims: 65_537 }],
    [{ dims: 1.5 }],
    [{ dims: '3' }],
    [{ dims: 3, metric: 'manhattan' }],
    [{ dims: 3, dtype: 'f64' }],
    [{ dims: 3, dtypes: 'f32' }],
  ])('refuses %j', (options) => {
    expect(() => new FlatIndex(options as never)).toThrow(code('ERR_INVALID_ARG'));
  });
});

describe('ids', () => {
  it('count from 0, and on after the largest integer', () => {
    const index = new FlatIndex({ dims: 1 });
    index.add(matrixOf([1], [2]));
    index.add(matrixOf([3]), ['a']);
    index.add(matrixOf([4]));
    index.add(matrixOf([5], [6]), [10, -7]);
    index.add(matrixOf([7]));
    expect([...index.ids()]).toEqual([0, 1, 'a', 2, 10, -7, 11]);
    expect(index.remove(11)).toBe(1);
    index.add(matrixOf([8]));
    expect([...index.ids()]).toEqual([0, 1, 'a', 2, 10, -7, 12]);
    for (const [id, value] of [
      [0, 1],
      ['a', 3],
      [2, 4],
      [-7, 6],
      [12, 8],
    ] as [Id, number][]) {
      expect([index.has(id), index.get(id)]).toEqual([true, Float32Array.of(value)]);
    }
    for (const id of [11, 3, '0', 'b', -1])
      expect([index.has(id), index.get(id)]).toEqual([false, undefined]);
  });

  it('can be used again after their row was removed', () => {
    const index = new FlatIndex({ dims: 1 });
    index.add(matrixOf([1], [2], [3]));
    index.remove([1]);
    index.add(matrixOf([9]), [1]);
    expect(index.get(1)).toEqual(Float32Array.of(9));
    index.remove([1, 0]);
    expect([index.has(1), index.has(0), index.has(2), index.size]).toEqual([false, false, true, 1]);
  });

  it('keep 1, -0 and "1" apart as they should be', () => {
    const index = new FlatIndex({ dims: 1 });
    index.add(matrixOf([1], [2], [3]), [1, '1', -0]);
    expect([index.get('1')?.[0], index.get(1)?.[0], index.get(0)?.[0]]).toEqual([2, 1, 3]);
    expect([...index.ids()].map((id) => Object.is(id, -0))).toEqual([false, false, false]);
  });

  it.each([
    ['ERR_INVALID_ARG', [1.5, 2]],
    ['ERR_INVALID_ARG', [2 ** 53, 2]],
    ['ERR_INVALID_ARG', [Number.NaN, 2]],
    ['ERR_INVALID_ARG', ['\ud800', 2]],
    ['ERR_INVALID_ARG', ['x'.repeat(1025), 2]],
    ['ERR_INVALID_ARG', [null, 2]],
    ['ERR_INVALID_ARG', [7, 7]],
    ['ERR_INVALID_ARG', [7, 0]],
    ['ERR_INVALID_ARG', 'ab'],
    ['ERR_INVALID_ARG', 7],
    ['ERR_DIMENSION', [7]],
    ['ERR_DIMENSION', [7, 8, 9]],
  ])('refuses with %s: %j', (expected, ids) => {
    const index = new FlatIndex({ dims: 1 });
    index.add(matrixOf([5]));
    expect(() => index.add(matrixOf([1], [2]), ids as Id[])).toThrow(code(expected));
    expect(contentsOf(index)).toEqual([[0, [5]]]);
  });
});

describe('rows', () => {
  it('are copied, from views too', () => {
    const index = new FlatIndex({ dims: 2 });
    const data = Float32Array.of(9, 1, 2, 3, 4, 9);
    index.add({ data: data.subarray(1, 5), rows: 2, dims: 2 });
    data.fill(0);
    expect(contentsOf(index)).toEqual([
      [0, [1, 2]],
      [1, [3, 4]],
    ]);
    index.get(0)?.fill(7);
    expect(index.get(0)).toEqual(Float32Array.of(1, 2));
  });

  it.each([
    ['ERR_DIMENSION', new Embeddings(new Float32Array(6), 2, 3)],
    ['ERR_DIMENSION', { data: new Float32Array(5), rows: 2, dims: 2 }],
    ['ERR_DTYPE', { data: new Float64Array(4), rows: 2, dims: 2 }],
    ['ERR_DTYPE', { data: new Uint8Array(4), rows: 2, dims: 2 }],
    ['ERR_INVALID_ARG', new Float32Array(2)],
    ['ERR_INVALID_ARG', undefined],
    ['ERR_INVALID_ARG', { data: new Float32Array(new SharedArrayBuffer(16)), rows: 2, dims: 2 }],
  ])('refuses with %s', async (expected, matrix) => {
    const index = new FlatIndex({ dims: 2 });
    index.add(matrixOf([1, 2]));
    expect(() => index.add(matrix as never)).toThrow(code(expected));
    expect(() => index.searchSync(matrix as never, { k: 1 })).toThrow(code(expected));
    await expect(index.search(matrix as never, { k: 1 })).rejects.toThrow(code(expected));
    expect(index.size).toBe(1);
  });

  it.each([Number.NaN, Infinity, -Infinity])('refuses %s and names the row', async (bad) => {
    const index = new FlatIndex({ dims: 2 });
    const matrix = matrixOf([1, 2], [3, bad], [4, 5]);
    expect(() => index.add(matrix)).toThrow(/row 1/);
    expect(() => index.add(matrix)).toThrow(code('ERR_INVALID_ARG'));
    index.add(matrixOf([1, 1]), ['a']);
    expect(() => index.upsert(matrixOf([1, bad]), ['a'])).toThrow(code('ERR_INVALID_ARG'));
    expect(contentsOf(index)).toEqual([['a', [1, 1]]]);
    expect(() => index.searchSync(matrix, { k: 1 })).toThrow(/row 1/);
    await expect(index.search(matrix, { k: 1 })).rejects.toThrow(code('ERR_INVALID_ARG'));
  });

  it('may hold the largest floats, denormals and -0', () => {
    const rows = matrixOf([3.4028234663852886e38, -3.4028234663852886e38], [1e-45, -0], [0, 0]);
    const index = new FlatIndex({ dims: 2, metric: 'l2' });
    index.add(rows);
    expect(index.searchSync(matrixOf([0, 0]), { k: 3 }).ids).toEqual([2, 1, 0]);
  });

  it('can be updated and upserted', () => {
    const index = new FlatIndex({ dims: 1 });
    index.add(matrixOf([1], [2], [3]));
    index.update(matrixOf([20], [10]), [1, 0]);
    index.upsert(matrixOf([30], [40]), [2, 'new']);
    expect(new Map(contentsOf(index) as [Id, number[]][])).toEqual(
      new Map<Id, number[]>([
        [0, [10]],
        [1, [20]],
        [2, [30]],
        ['new', [40]],
      ]),
    );
    expect(() => index.update(matrixOf([1], [2]), [0, 'missing'])).toThrow(code('ERR_INVALID_ARG'));
    expect(index.get(0)).toEqual(Float32Array.of(10));
  });

  it('can be removed, singly and in sets; unknown ids are passed over', () => {
    const index = new FlatIndex({ dims: 1 });
    index.add(matrixOf([1], [2], [3], [4]), ['a', 'b', 3, 4]);
    expect([
      index.remove('a'),
      index.remove('a'),
      index.remove(new Set([3, 'b', 99])),
      index.remove([4, 4]),
    ]).toEqual([1, 0, 2, 1]);
    expect(index.size).toBe(0);
    for (const bad of [null, undefined, 1.5, [{}], {}]) {
      expect(() => index.remove(bad as never)).toThrow(code('ERR_INVALID_ARG'));
    }
  });

  it('leave no memory behind when most of them have been removed', async () => {
    const index = new FlatIndex({ dims: 16 });
    index.add(randomMatrix(20_000, 16, 1));
    const kept = Array.from({ length: 20_000 }, (_, id) => id).filter((id) => id % 7 === 0);
    const before = kept.map((id) => index.get(id));
    index.remove(Array.from({ length: 20_000 }, (_, id) => id).filter((id) => id % 7 !== 0));
    // In the background, while the index goes on changing.
    index.add(matrixOf(new Array(16).fill(2)), ['meanwhile']);
    index.remove(7);
    await expect.poll(() => index.stats()).toMatchObject({ rows: kept.length, removed: 1 });
    index.add(matrixOf(new Array(16).fill(3)), [7]);
    before[1] = new Float32Array(16).fill(3);
    expect(index.get('meanwhile')).toEqual(new Float32Array(16).fill(2));
    expect(index.stats().memoryBytes).toBeLessThan(20_000 * 64);
    expect(kept.map((id) => index.get(id))).toEqual(before);
    index.add(matrixOf(new Array(16).fill(1)));
    expect(index.has(20_000)).toBe(true);
  });

  it('leave none behind after compact(), also if they were removed while memory was being given back', async () => {
    const index = new FlatIndex({ dims: 16 });
    index.add(randomMatrix(20_000, 16, 1));
    index.remove(Array.from({ length: 11_000 }, (_, id) => id));
    index.remove(Array.from({ length: 8_000 }, (_, i) => 11_000 + i));
    await Promise.all([index.compact(), index.compact()]);
    expect(index.stats()).toMatchObject({ rows: 1_000, removed: 0 });
    index.remove(19_000);
    const compacted = index.compact();
    await Promise.all([index.compact(), index.close(), compacted]);
  });
});

describe('closing', () => {
  it('refuses every later call but close', async () => {
    const index = new FlatIndex({ dims: 2 });
    index.add(matrixOf([1, 2]));
    await index.close();
    await index.close();
    const closed = code('ERR_CLOSED');
    const query = matrixOf([1, 2]);
    expect(() => index.add(query)).toThrow(closed);
    expect(() => index.update(query, [0])).toThrow(closed);
    expect(() => index.remove(0)).toThrow(closed);
    expect(() => index.has(0)).toThrow(closed);
    expect(() => index.get(0)).toThrow(closed);
    expect(() => index.size).toThrow(closed);
    expect(() => index.stats()).toThrow(closed);
    expect(() => [...index]).toThrow(closed);
    expect(() => index.searchSync(query, { k: 1 })).toThrow(closed);
    await expect(index.search(query, { k: 1 })).rejects.toThrow(closed);
    await expect(index.rangeSearch(query, { radius: 1 })).rejects.toThrow(closed);
    for (const call of ['flush', 'compact', 'verify'] as const)
      await expect(index[call]()).rejects.toThrow(closed);
    await expect(index.save('never')).rejects.toThrow(closed);
  });

  it('lets searches under way end', async () => {
    const corpus = randomMatrix(20_000, 64, 8);
    const index = new FlatIndex({ dims: 64 });
    index.add(corpus);
    const queries = randomMatrix(300, 64, 9);
    const wanted = index.searchSync(queries, { k: 3 }).ids;
    const even = index.searchSync(queries, { k: 3, filter: (id) => (id as number) % 2 === 0 }).ids;
    const searches = [
      index.search(queries, { k: 3 }),
      index.search(queries, { k: 3, filter: (id) => (id as number) % 2 === 0 }),
    ];
    index.close();
    expect((await Promise.all(searches)).map(({ ids }) => ids)).toEqual([wanted, even]);
  });

  it('happens at the end of a using block', async () => {
    let outside: FlatIndex;
    {
      await using index = new FlatIndex({ dims: 1 });
      outside = index;
    }
    expect(() => outside.size).toThrow(code('ERR_CLOSED'));
  });
});

describe('addAsync', () => {
  const corpus = randomMatrix(30_000, 32, 12);

  it('adds what add adds, when its promise resolves', async () => {
    const [waiting, plain] = [new FlatIndex({ dims: 32 }), new FlatIndex({ dims: 32 })];
    plain.add(corpus);
    const added = waiting.addAsync(corpus);
    expect(waiting.size).toBe(0);
    await added;
    expect(contentsOf(waiting)).toEqual(contentsOf(plain));
    const queries = randomMatrix(4, 32, 13);
    const { ids, scores } = plain.searchSync(queries, { k: 5 });
    expect(waiting.searchSync(queries, { k: 5 })).toMatchObject({ ids, scores });
  });

  it('adds behind what was added meanwhile', async () => {
    const index = new FlatIndex({ dims: 32, dtype: 'i8' });
    const added = [index.addAsync(corpus), index.addAsync(matrixOf(new Array(32).fill(1)), ['one'])];
    index.add(matrixOf(new Array(32).fill(2)), ['two']);
    await Promise.all(added);
    expect(index.size).toBe(30_002);
    expect([...index.ids()][0]).toBe('two');
    expect(index.has('one') && index.has(29_999)).toBe(true);
  });

  it('goes on when the rows before are tidied, and is refused when the index is closed', async () => {
    const index = new FlatIndex({ dims: 32 });
    index.add(corpus);
    index.remove(Array.from({ length: 20_000 }, (_, id) => id));
    const added = index.addAsync(corpus);
    await index.compact();
    await added;
    expect(index.size).toBe(40_000);
    expect(index.get(59_999)).toEqual(corpus.row(29_999));
    const late = index.addAsync(corpus);
    await index.close();
    await expect(late).rejects.toThrow(code('ERR_CLOSED'));
  });

  it('does not let go of the rows while they are read', async () => {
    const own = new Embeddings(corpus.data.slice(), corpus.rows, corpus.dims);
    const index = new FlatIndex({ dims: 32, accelerate: 'int8' });
    const added = index.addAsync(own);
    try {
      // Node 20 copies untransferable memory, later versions throw.
      structuredClone(own.data, { transfer: [own.data.buffer as ArrayBuffer] });
    } catch (error) {
      expect(error).toMatchObject({ name: 'DataCloneError' });
    }
    expect(own.data.length).toBe(30_000 * 32);
    await added;
    expect(index.get(29_999)).toEqual(corpus.row(29_999));
  });

  it('refuses what add refuses, and then nothing has changed', async () => {
    const index = new FlatIndex({ dims: 32 });
    index.add(matrixOf(new Array(32).fill(1)), ['one']);
    const damaged = new Embeddings(corpus.data.slice(), 30_000, 32);
    damaged.data[12_345 * 32 + 3] = Number.NaN;
    damaged.data[23_456 * 32] = Number.POSITIVE_INFINITY;
    await expect(index.addAsync(damaged)).rejects.toThrow(/row 12345$/);
    await expect(index.addAsync(matrixOf([1, 2]))).rejects.toThrow(code('ERR_DIMENSION'));
    await expect(index.addAsync(corpus, ['one'])).rejects.toThrow(code('ERR_DIMENSION'));
    const one = matrixOf(new Array(32).fill(3));
    await expect(index.addAsync(one, ['one'])).rejects.toThrow(code('ERR_INVALID_ARG'));
    const both = [index.addAsync(one, ['new']), index.addAsync(one, ['new'])];
    expect((await Promise.allSettled(both)).map(({ status }) => status).sort()).toEqual([
      'fulfilled',
      'rejected',
    ]);
    expect([...index.ids()]).toEqual(['one', 'new']);
  });
});
