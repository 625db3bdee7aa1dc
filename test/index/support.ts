import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Embeddings } from 'embedlane';
import { afterAll, expect } from 'vitest';
import { Random } from '../native/random.js';

/** What a call throws: an EmbedlaneError with this code. */
export const code = (expected: string) => expect.objectContaining({ name: 'EmbedlaneError', code: expected });

export function randomMatrix(rows: number, dims: number, seed: number): Embeddings {
  return new Embeddings(new Random(seed).vector(rows * dims), rows, dims);
}

/** A matrix of the given rows. */
export function matrixOf(...rows: number[][]): Embeddings {
  return new Embeddings(Float32Array.from(rows.flat()), rows.length, rows[0]?.length ?? 0);
}

/** A folder that is removed after the test file. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'embedlane-index-'));
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Everything that an index holds. */
export function contentsOf(index: Iterable<{ id: unknown; vector: Float32Array }>): [unknown, number[]][] {
  return Array.from(index, ({ id, vector }) => [id, Array.from(vector)]);
}
