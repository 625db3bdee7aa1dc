import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const DIMS = 384;
const LANGUAGES = ['de', 'en', 'fr', 'es', 'it', 'pt', 'nl', 'sv', 'pl', 'cs'];

/** Records that repeat; `peers/records.py` makes all of them but the vectors again. */
export function makeRecords(count) {
  return Array.from({ length: count }, (_, i) => ({
    id: `record-${i}`,
    vector: randomVector(i),
    document: `Document ${i}`,
    metadata: {
      place: i,
      year: 2000 + (i % 25),
      lang: LANGUAGES[(i * 7) % 10],
      flag: i % 3 === 0,
    },
  }));
}

/** Numbers that repeat (xorshift32), roughly uniform in [-1, 1). */
function randomVector(seed) {
  let state = Math.imul(seed + 1, 2654435761) | 1;
  const vector = new Float32Array(DIMS);
  for (let i = 0; i < DIMS; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    vector[i] = state / 2 ** 31;
  }
  return vector;
}

/** The records' vectors in a file of float32 numbers, for contenders in other languages. */
export function vectorFile(records) {
  const folder = mkdtempSync(join(tmpdir(), 'embedlane-bench-'));
  const path = join(folder, 'vectors.f32');
  const vectors = new Float32Array(records.length * DIMS);
  for (const [i, { vector }] of records.entries()) vectors.set(vector, i * DIMS);
  writeFileSync(path, vectors);
  return { path, remove: () => rmSync(folder, { recursive: true }) };
}

/** Parts of at most `size` records. */
export function* batches(records, size) {
  for (let start = 0; start < records.length; start += size) yield records.slice(start, start + size);
}
