import type { StoredRecord } from 'embedlane/stores';
import { Random } from '../native/random.js';

export const DIMS = 8;

/** One change of a store: a batch of records, or ids to delete. */
export interface Step {
  upsert: (StoredRecord & { vector: Float32Array })[];
  remove: string[];
}

/** Step `number` of an endless series, always the same. */
export function step(number: number): Step {
  const random = new Random(number + 1);
  const id = () => `id-${random.below(50)}`;
  if (random.below(3) === 0) return { upsert: [], remove: [id(), id(), id()] };
  const ids = new Set(Array.from({ length: 1 + random.below(25) }, id));
  const upsert = Array.from(ids, (id, i) => ({
    id,
    vector: random.vector(DIMS),
    document: `version ${number} of ${id}`,
    metadata: { number, i },
  }));
  return { upsert, remove: [] };
}

/** What a store holds after a step. */
export function applyStep(state: Map<string, StoredRecord>, { upsert, remove }: Step): void {
  for (const record of upsert) state.set(record.id, record);
  for (const id of remove) state.delete(id);
}
