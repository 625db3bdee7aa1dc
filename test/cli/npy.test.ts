import { describe, expect, it } from 'vitest';
import { npyHeader, parseNpy } from '#dist/cli/output/npy.js';

const matrix = (rows: number, dims: number, values: number[]) =>
  Buffer.concat([npyHeader(rows, dims), Buffer.from(new Float32Array(values).buffer)]);

describe('.npy', () => {
  it('is what NumPy expects: magic, version 1.0, header padded to 64 bytes and ended by a newline', () => {
    const header = npyHeader(12, 384);
    expect(header.subarray(0, 8).toString('latin1')).toBe('\x93NUMPY\x01\x00');
    expect(header.length % 64).toBe(0);
    expect(header.readUInt16LE(8)).toBe(header.length - 10);
    expect(header.subarray(10).toString('latin1')).toMatch(
      /^\{'descr': '<f4', 'fortran_order': False, 'shape': \(12, 384\), \} *\n$/,
    );
  });

  it('reads back what it wrote, also from memory at an odd address', () => {
    const bytes = matrix(2, 3, [1, 2, 3, 4, 5, 6.5]);
    const odd = Buffer.concat([Buffer.alloc(1), bytes]).subarray(1);
    expect(parseNpy(odd, 'odd')).toEqual({ rows: 2, dims: 3, data: new Float32Array([1, 2, 3, 4, 5, 6.5]) });
  });

  it('refuses every truncation', () => {
    const bytes = matrix(2, 3, [1, 2, 3, 4, 5, 6]);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => parseNpy(bytes.subarray(0, length), 'cut')).toThrow(
        expect.objectContaining({ code: 'ERR_CORRUPT' }),
      );
    }
  });

  it('refuses other dtypes, orders and a shape that overflows', () => {
    for (const [from, to] of [
      ["'<f4'", "'<f8'"],
      ['False', 'True '],
      ['(2, 3), ', '(99999999999, 3)'],
    ]) {
      const bytes = Buffer.from(
        matrix(2, 3, [1, 2, 3, 4, 5, 6]).toString('latin1').replace(from, to),
        'latin1',
      );
      expect(() => parseNpy(bytes, 'other')).toThrow(expect.objectContaining({ code: 'ERR_CORRUPT' }));
    }
  });
});
