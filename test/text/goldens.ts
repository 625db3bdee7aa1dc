import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { MatrixLike } from '#dist/core/embeddings.js';

export function fixture(path: string): string {
  return fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));
}

export function readGolden<T>(path: string): T {
  return JSON.parse(readFileSync(fixture(`goldens/${path}`), 'utf8')) as T;
}

/** A raw little-endian float32 matrix beside the JSON that names it. */
export function readMatrix(path: string, dims: number): MatrixLike {
  const bytes = readFileSync(fixture(`goldens/${path}`));
  const data = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  return { data, rows: data.length / dims, dims };
}

interface Tolerance {
  cosine: number;
  absolute: number;
}

/** Every row of `actual` against the golden's rows `rows` (all, unless given). */
export function expectRows(
  actual: MatrixLike,
  golden: MatrixLike,
  { cosine, absolute }: Tolerance,
  rows: readonly number[] = Array.from({ length: golden.rows }, (_, row) => row),
): void {
  expect([actual.rows, actual.dims]).toEqual([rows.length, golden.dims]);
  const { dims } = golden;
  rows.forEach((row, i) => {
    const a = actual.data.subarray(i * dims, (i + 1) * dims);
    const b = golden.data.subarray(row * dims, (row + 1) * dims);
    const difference = a.reduce((most, value, d) => Math.max(most, Math.abs(value - b[d])), 0);
    expect(difference, `largest difference in row ${row}`).toBeLessThanOrEqual(absolute);
    expect(dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)), `cosine of row ${row}`).toBeGreaterThanOrEqual(
      cosine,
    );
  });
}

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, d) => sum + value * b[d], 0);
}

/** A repeatable shuffle (Fisher–Yates over a linear congruential generator). */
export function shuffled(length: number, seed: number): number[] {
  const order = Array.from({ length }, (_, i) => i);
  let state = seed;
  for (let i = length - 1; i > 0; i--) {
    state = (state * 1103515245 + 12345) % 2 ** 31;
    const j = state % (i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
