import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CORPUS_SEED, QUERY_SEED } from './serve-topk.mjs';
import { clusteredVectors } from './vectors.mjs';

/**
 * The vectors of a top-k benchmark in files of float32, for contenders in other languages.
 *
 * @returns {{ corpus: string, queries: Record<number, string>, remove: () => void }}
 */
export function vectorFiles(rows, dims, queryCounts) {
  const folder = mkdtempSync(join(tmpdir(), 'embedlane-bench-'));
  const write = (name, data) => {
    const path = join(folder, name);
    writeFileSync(path, Buffer.from(data.buffer));
    return path;
  };
  const corpus = write('corpus.f32', clusteredVectors(rows, dims, CORPUS_SEED));
  const queries = {};
  for (const count of queryCounts) {
    queries[count] = write(`queries-${count}.f32`, clusteredVectors(count, dims, QUERY_SEED));
  }
  return { corpus, queries, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
