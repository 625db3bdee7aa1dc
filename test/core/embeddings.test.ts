import { describe, expect, it } from 'vitest';
import { Embeddings } from '#dist/core/embeddings.js';
import { EmbedlaneError } from '#dist/core/errors.js';

describe('Embeddings', () => {
  const e = new Embeddings(new Float32Array([1, 2, 3, 4, 5, 6]), 3, 2);

  it('gives rows as views, arrays and an iterator', () => {
    expect(e.row(1)).toEqual(new Float32Array([3, 4]));
    expect(e.row(2).buffer).toBe(e.data.buffer);
    expect(e.toArrays()).toEqual([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    expect([...e]).toHaveLength(3);
  });

  it('may be empty', () => {
    expect(new Embeddings(new Float32Array(0), 0, 384).toArrays()).toEqual([]);
  });

  it('copies arrays of numbers into one matrix', () => {
    const vectors = [[1, 2], new Float32Array([3, 4]), new Float64Array([0.5, 6])];
    const made = Embeddings.from(vectors);
    expect(made).toMatchObject({ rows: 3, dims: 2, precision: 'float32' });
    expect(made.toArrays()).toEqual([
      [1, 2],
      [3, 4],
      [0.5, 6],
    ]);
    made.data[2] = 9;
    expect(vectors[1][0]).toBe(3);
    expect(Embeddings.from([])).toMatchObject({ rows: 0, dims: 0 });
  });

  it.each([
    ['no array', new Float32Array(4), 'ERR_INVALID_ARG', 'vectors '],
    ['a vector instead of vectors', [0.1, 0.2], 'ERR_INVALID_ARG', 'vectors[0]'],
    ['a string in a vector', [[1], ['2']], 'ERR_INVALID_ARG', 'vectors[1][0]'],
    ['a hole in a vector', [new Array(1)], 'ERR_INVALID_ARG', 'vectors[0][0]'],
    ['a hole among the vectors', new Array(1), 'ERR_INVALID_ARG', 'vectors[0]'],
    ['big integers', [new BigInt64Array(1)], 'ERR_INVALID_ARG', 'vectors[0]'],
    ['a DataView', [new DataView(new ArrayBuffer(4))], 'ERR_INVALID_ARG', 'vectors[0]'],
    ['vectors of different lengths', [[1, 2], [3]], 'ERR_DIMENSION', 'vectors[1]'],
  ])('refuses to copy %s', (_, vectors, code, name) => {
    expect(() => Embeddings.from(vectors as never)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(`for ${name}`) }),
    );
  });

  it.each([-1, 3, 1.5, Number.NaN, '0'])('refuses row(%s)', (index) => {
    expect(() => e.row(index as number)).toThrow(EmbedlaneError);
  });

  it('refuses a length that is not rows × dims, and other types of data', () => {
    expect(() => new Embeddings(new Float32Array(5), 3, 2)).toThrow(
      expect.objectContaining({ code: 'ERR_DIMENSION' }),
    );
    expect(() => new Embeddings(new Float64Array(6) as never, 3, 2)).toThrow(
      expect.objectContaining({ code: 'ERR_DTYPE' }),
    );
    expect(() => new Embeddings(new Float32Array(0), -1, 0)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG' }),
    );
  });

  it('has rows of whole bytes where the elements are bits', () => {
    const bits = new Embeddings(Uint8Array.of(1, 2, 3, 4), 2, 12, 'ubinary');
    expect(bits.row(1)).toEqual(Uint8Array.of(3, 4));
    expect(bits.toArrays()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(() => new Embeddings(new Int8Array(3), 2, 12, 'binary')).toThrow(
      expect.objectContaining({ code: 'ERR_DIMENSION' }),
    );
  });

  it('gives 16-bit floats as numbers', () => {
    expect(new Embeddings(Uint16Array.of(0x3c00, 0xc000, 1, 0x7c00), 2, 2, 'float16').toArrays()).toEqual([
      [1, -2],
      [2 ** -24, Number.POSITIVE_INFINITY],
    ]);
    expect(new Embeddings(Uint16Array.of(0x3f80), 1, 1, 'bfloat16').toArrays()).toEqual([[1]]);
  });

  it.each([
    ['float16', new Float32Array(2)],
    ['int8', new Uint8Array(2)],
    ['uint8', new Int8Array(2)],
    ['float32', new Uint16Array(2)],
  ] as const)('refuses %s in the wrong array', (precision, data) => {
    expect(() => new Embeddings(data as never, 1, 2, precision)).toThrow(
      expect.objectContaining({ code: 'ERR_DTYPE' }),
    );
  });

  it('refuses an unknown precision', () => {
    expect(() => new Embeddings(new Float32Array(2) as never, 1, 2, 'float64' as never)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG' }),
    );
  });
});
