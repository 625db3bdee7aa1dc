import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CORPUS_SEED, QUERY_SEED } from './serve-topk.mjs';
import { clusteredVectors } from './vectors.mjs';

/**
 * Vectors in files of float32, for contenders in other languages.
 *
 * @returns {{ write: (name: string, data: Float32Array) => string, remove: () => void }} `write` gives the path
 */
export function floatFiles() {
  const folder = mkdtempSync(join(tmpdir(), 'embedlane-bench-'));
  return {
    write(name, data) {
      const path = join(folder, `${name}.f32`);
      writeFileSync(path, Buffer.from(data.buffer));
      return path;
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/**
 * The vectors of a top-k benchmark in files of float32, for contenders in other languages.
 *
 * @returns {{ corpus: string, queries: Record<number, string>, remove: () => void }}
 */
export function vectorFiles(rows, dims, queryCounts) {
  const { write, remove } = floatFiles();
  const corpus = write('corpus', clusteredVectors(rows, dims, CORPUS_SEED));
  const queries = {};
  for (const count of queryCounts) {
    queries[count] = write(`queries-${count}`, clusteredVectors(count, dims, QUERY_SEED));
  }
  return { corpus, queries, remove };
}
