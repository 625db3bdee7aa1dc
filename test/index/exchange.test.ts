import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FlatIndex, readVectors, writeVectors } from 'embedlane';
import { describe, expect, it } from 'vitest';
import { npyHeader } from '#dist/index/exchange/npy.js';
import { code, contentsOf, matrixOf, randomMatrix, temporaryFolder } from './support.js';

const folder = await temporaryFolder();
const matrix = randomMatrix(2_500, 7, 1);

async function readAll(path: string, options?: object): Promise<number[][]> {
  const rows: number[][] = [];
  for await (const batch of readVectors(path, options)) rows.push(...batch.toArrays());
  return rows;
}

const file = async (name: string, ...parts: (Uint8Array | ArrayBufferLike)[]) => {
  const path = join(folder, name);
  await writeFile(path, Buffer.concat(parts.map((part) => new Uint8Array(part as ArrayBuffer))));
  return path;
};

describe.each(['npy', 'fvecs', 'safetensors'] as const)('.%s', (format) => {
  it('gives back what was written, of a matrix and of an index', async () => {
    const path = join(folder, `matrix.${format}`);
    await writeVectors(matrix, path);
    expect(await readAll(path)).toEqual(matrix.toArrays());
    const index = new FlatIndex({ dims: 7 });
    for await (const batch of readVectors(path)) index.add(batch);
    index.remove([0, 2_499]);
    const copy = join(folder, `index.${format}`);
    await writeVectors(index, copy);
    expect(await readAll(copy)).toEqual(contentsOf(index).map(([, row]) => row));
  });

  it('may be empty, and may have another name', async () => {
    const path = join(folder, `empty-${format}`);
    await writeVectors(new FlatIndex({ dims: 4 }), path, { format });
    expect(await readAll(path, { format })).toEqual([]);
  });

  it('cut anywhere is corrupt', async () => {
    const path = join(folder, `cut.${format}`);
    await writeVectors(matrixOf([1, 2, 3], [4, 5, 6]), path);
    const bytes = await readFile(path);
    for (let length = format === 'fvecs' ? 1 : 0; length < bytes.length; length++) {
      if (format === 'fvecs' && length === 16) continue; // a row less is a whole file
      await writeFile(path, bytes.subarray(0, length));
      await expect(readAll(path), `${length} bytes`).rejects.toThrow(code('ERR_CORRUPT'));
    }
  });
});

it('writes the rows of the call while the index is changed, compacted and closed', async () => {
  const index = new FlatIndex({ dims: 7 });
  index.add(matrix);
  const path = join(folder, 'compacted.npy');
  const written = writeVectors(index, path);
  index.remove([0, 1_000]);
  await index.compact();
  await index.close();
  await written;
  expect(await readAll(path)).toEqual(matrix.toArrays());
});

const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');

describe('.npy', () => {
  it('of NumPy, in 16 and 64 bits and of every version', async () => {
    const body = `${"{'descr': '<f2', 'fortran_order': False, 'shape': (1, 2), }".padEnd(117)}\n`;
    const f16 = Buffer.concat([
      Buffer.from('\x93NUMPY\x01\x00', 'latin1'),
      Buffer.from([118, 0]),
      Buffer.from(body),
    ]);
    expect(await readAll(await file('half.npy', f16, Uint16Array.of(0x3c00, 0xc000).buffer))).toEqual([
      [1, -2],
    ]);
    const f64 = latin1(npyHeader(1, 2)).replace("'<f4'", "'<f8'");
    expect(
      await readAll(await file('f64.npy', Buffer.from(f64, 'latin1'), Float64Array.of(0.1, 2).buffer)),
    ).toEqual([[Math.fround(0.1), 2]]);
    const head = latin1(npyHeader(1, 2)).slice(10);
    const v2 = Buffer.concat([
      Buffer.from('\x93NUMPY\x02\x00', 'latin1'),
      Buffer.from([118, 0, 0, 0]),
      Buffer.from(head),
    ]);
    expect(await readAll(await file('v2.npy', v2, Float32Array.of(3, 4).buffer))).toEqual([[3, 4]]);
  });

  it.each([
    ["'<f4'", "'<i4'"],
    ["'<f4'", "'>f4'"],
    ['False', 'True '],
    ['(2, 3)', '(6, ) '],
  ])('refuses %s as %s', async (from, to) => {
    const header = Buffer.from(latin1(npyHeader(2, 3)).replace(from, to), 'latin1');
    await expect(readAll(await file('other.npy', header, new ArrayBuffer(24)))).rejects.toThrow(
      code('ERR_DTYPE'),
    );
  });

  it('refuses shapes that overflow', async () => {
    for (const shape of ['(99999999999, 3)', '(2, 99999999999)', '(4611686018427387904, 4)']) {
      const header = Buffer.from(
        latin1(npyHeader(2, 3)).replace(/\(2, 3\), \} {12}/, `${shape}, }`),
        'latin1',
      );
      await expect(readAll(await file('huge.npy', header, new ArrayBuffer(24)))).rejects.toThrow(
        code('ERR_CORRUPT'),
      );
    }
  });
});

describe('.fvecs', () => {
  it('refuses rows of different lengths', async () => {
    const one = Buffer.concat([Buffer.from(Int32Array.of(1).buffer), Buffer.from(Float32Array.of(5).buffer)]);
    const two = Buffer.concat([Buffer.from(Int32Array.of(2).buffer), Buffer.from(Float32Array.of(5).buffer)]);
    await expect(readAll(await file('mixed.fvecs', one, two))).rejects.toThrow(code('ERR_CORRUPT'));
    for (const dims of [0, -1, 2 ** 30]) {
      const bad = await file('bad.fvecs', Int32Array.of(dims, 0, 0).buffer);
      await expect(readAll(bad)).rejects.toThrow(code('ERR_CORRUPT'));
    }
  });
});

describe('.safetensors', () => {
  const tensors = (header: object | string, data = new ArrayBuffer(24)) => {
    const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
    return file('some.safetensors', BigUint64Array.of(BigInt(json.length)).buffer, json, data);
  };
  const f32 = (shape: number[], start: number, end: number) => ({
    dtype: 'F32',
    shape,
    data_offsets: [start, end],
  });

  it('has several tensors, of which one is chosen', async () => {
    const data = Float32Array.of(1, 2, 3, 4, 5, 6).buffer;
    const path = await tensors(
      { __metadata__: { a: 'b' }, x: f32([1, 2], 0, 8), y: f32([2, 2], 8, 24) },
      data,
    );
    expect(await readAll(path, { tensor: 'y' })).toEqual([
      [3, 4],
      [5, 6],
    ]);
    await expect(readAll(path)).rejects.toThrow(code('ERR_DTYPE'));
    await expect(readAll(path, { tensor: 'z' })).rejects.toThrow(code('ERR_INVALID_ARG'));
    const brain = { dtype: 'BF16', shape: [1, 2], data_offsets: [0, 4] };
    expect(await readAll(await tensors({ b: brain }, Uint16Array.of(0x3f80, 0xc000).buffer))).toEqual([
      [1, -2],
    ]);
  });

  it.each([
    ['ERR_CORRUPT', '{'],
    ['ERR_DTYPE', 'null'],
    ['ERR_DTYPE', '{}'],
    ['ERR_CORRUPT', { x: f32([2, 3], 8, 32) }],
    ['ERR_CORRUPT', { x: f32([2, 3], -8, 16) }],
    ['ERR_CORRUPT', { x: f32([2, 3], 0, 23) }],
    ['ERR_CORRUPT', { x: f32([2 ** 40, 2 ** 40], 0, 24) }],
    ['ERR_CORRUPT', { x: f32([-2, -3], 0, 24) }],
    ['ERR_CORRUPT', { x: f32([-1, 0], 0, 0) }],
    ['ERR_DTYPE', { x: { ...f32([2, 3], 0, 24), dtype: 'I32' } }],
    ['ERR_DTYPE', { x: f32([6], 0, 24) }],
    ['ERR_DTYPE', { x: { ...f32([2, 3], 0, 24), dtype: 'toString' } }],
  ])('refuses with %s: %j', async (expected, header) => {
    await expect(readAll(await tensors(header as object))).rejects.toThrow(code(expected));
  });
});

it('brackets by the million in the header of a safetensors file are refused', async () => {
  const json = Buffer.from(`{"x":${'['.repeat(5_000_000)}${']'.repeat(5_000_000)}}`);
  const path = await file('deep.safetensors', BigUint64Array.of(BigInt(json.length)).buffer, json);
  await expect(readAll(path)).rejects.toThrow(code('ERR_CORRUPT'));
});

it('misuse is an error', async () => {
  await expect(readAll(join(folder, 'x.bin'))).rejects.toThrow(code('ERR_INVALID_ARG'));
  await expect(readAll(join(folder, 'missing.npy'))).rejects.toThrow(code('ERR_IO'));
  await expect(readAll(7 as never)).rejects.toThrow(code('ERR_INVALID_ARG'));
  await expect(readAll('x.npy', { format: 'csv' })).rejects.toThrow(code('ERR_INVALID_ARG'));
  await expect(writeVectors(matrix, join(folder, 'x.csv'))).rejects.toThrow(code('ERR_INVALID_ARG'));
  await expect(writeVectors(7 as never, join(folder, 'x.npy'))).rejects.toThrow(code('ERR_INVALID_ARG'));
  await expect(writeVectors(matrix, join(folder, 'no/such/x.npy'))).rejects.toThrow(code('ERR_IO'));
});
