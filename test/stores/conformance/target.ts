import type { StoreDtype, StoreMetric, StoreOptions, VectorStore } from 'embedlane/stores';

/** One engine for the conformance suite. */
export interface ConformanceTarget {
  /** Opens a store on the collection, which may or may not be there. Each test names collections of its own. */
  open(collection: string, options?: StoreOptions): Promise<VectorStore>;
  /** Metrics for each dtype that the engine has. */
  dtypes: Partial<Record<StoreDtype, readonly StoreMetric[]>>;
  /** Whether there is full text. */
  hybrid: boolean;
  /** How far scores in float32 may be from those in float64. @default 1e-5 */
  tolerance?: number;
}

let used = 0;

/** A name that no other test has. */
export const newCollection = () => `conformance_${process.pid}_${used++}`;

/** Runs `test` on a new store and drops its collection afterwards. */
export async function withStore(
  target: ConformanceTarget,
  test: (store: VectorStore) => Promise<void>,
  options?: StoreOptions,
): Promise<void> {
  const store = await target.open(newCollection(), options);
  try {
    await test(store);
    await store.drop();
  } finally {
    await store.close();
  }
}
