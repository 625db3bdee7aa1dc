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
});
