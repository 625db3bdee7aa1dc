import { markAsUntransferable } from 'node:worker_threads';
import { allocateTopK } from './memory.js';
import type { Acceleration, FoundRows, RowStore, StagedRows, StoreSearch, StoreTask } from './row-store.js';

/** The addon's RowStore: as ours, but a search takes its fields one by one and hands its results out in pieces. */
export interface AddonRowStore extends Omit<RowStore, 'search' | 'searchSync' | 'codes'> {
  search(...args: SearchArguments): AddonResults & { promise: Promise<void>; cancel(): void };
  searchSync(...args: SearchArguments): AddonResults;
}

type SearchArguments = [
  queries: Float32Array,
  metric: string,
  k: number,
  radius: number | null,
  threads: number,
  rows: number,
  allowed: Uint32Array | null,
  candidates: number,
];

/** Results of a finished search. */
interface AddonResults {
  total(): number;
  scored(): number;
  take(offsets: Float64Array, indices: Uint32Array, scores: Float32Array): void;
}

/** Makes the addon's store ours; `guard` gives its errors their class, `translate` those of promises. */
export function adaptRowStore(
  store: AddonRowStore,
  dims: number,
  codes: Acceleration | null,
  guard: <A extends unknown[], R>(call: (...args: A) => R) => (...args: A) => R,
  translate: (error: unknown) => Error,
): RowStore {
  const collect = (queries: number, results: AddonResults): FoundRows => {
    const offsets = new Float64Array(queries + 1);
    const { indices, scores } = allocateTopK(results.total());
    results.take(offsets, indices, scores);
    return { offsets, indices, scores, scored: results.scored() };
  };
  const spread = (search: StoreSearch): SearchArguments => {
    const { queries, metric, k, radius, threads, rows, allowed, candidates } = search;
    return [queries, metric, k, radius, threads, rows, allowed, candidates];
  };
  return {
    get rows() {
      return store.rows;
    },
    stride: store.stride,
    codes,
    get memoryBytes() {
      return store.memoryBytes;
    },
    get mappedBytes() {
      return store.mappedBytes;
    },
    firstUnfit: guard((data) => store.firstUnfit(data)),
    append: guard((data) => store.append(data)),
    stage: guard((data): StagedRows => {
      markAsUntransferable(data.buffer);
      const task = store.stage(data);
      const finish = async () => {
        try {
          await task.promise;
        } catch (error) {
          throw translate(error);
        }
      };
      return {
        promise: finish(),
        adopt: guard(() => task.adopt()),
        discard: guard(() => task.discard()),
      };
    }),
    appendStored: guard((bytes, scales) => store.appendStored(bytes, scales)),
    map: guard((path, bytes, offset, codes, rows, scales) =>
      store.map(path, bytes, offset, codes, rows, scales),
    ),
    prepare: guard((rows) => store.prepare(rows)),
    gather: guard((positions, out, scales) => store.gather(positions, out, scales)),
    gatherCodes: guard((positions, out, floats) => store.gatherCodes(positions, out, floats)),
    read: guard((positions, out) => store.read(positions, out)),
    search: guard((search): StoreTask => {
      // The caller may have transferred them away when the search ends.
      const queries = search.queries.length / dims;
      const task = store.search(...spread(search));
      const finish = async () => {
        try {
          await task.promise;
          return collect(queries, task);
        } catch (error) {
          throw translate(error);
        }
      };
      return { promise: finish(), cancel: task.cancel };
    }),
    searchSync: guard((search) => collect(search.queries.length / dims, store.searchSync(...spread(search)))),
    close: guard(() => store.close()),
  };
}
