import type { FoundRows, StoreSearch, StoreTask } from '../native/row-store.js';
import { MAX_SHARED_QUERIES, PassQueue } from '../vectors/pass-queue.js';
import type { Contents } from './contents.js';

type Floats = Float32Array<ArrayBuffer>;

/** What a queue's searches have in common. Its rows are those of the moment of the calls. */
interface SharedSearch {
  queue: PassQueue<Floats, FoundRows>;
  search: StoreSearch;
}

/** Searches of one state of an index that wait for each other, see PassQueue. */
export class SharedSearches {
  #searches = new Map<string, SharedSearch>();

  /** Starts a search of all live rows, or queues a small one behind those that differ in nothing but their queries. */
  start(contents: Contents, search: StoreSearch, queries: number): StoreTask {
    if (queries > MAX_SHARED_QUERIES) return contents.rows.search(search);
    const { k, radius, threads, rows, candidates } = search;
    const key = [k, radius, threads, rows, candidates].join();
    const existing = this.#searches.get(key);
    if (existing) return existing.queue.add(search.queries, queries);
    const common = { ...search };
    const searches = this.#searches;
    const queue = new PassQueue<Floats, FoundRows>(
      { start: (some) => contents.rows.search({ ...common, queries: some }), share },
      () => {
        if (searches.get(key)?.queue === queue) searches.delete(key);
      },
    );
    searches.set(key, { queue, search: common });
    return queue.add(search.queries, queries);
  }

  /** To be called before rows are removed, or come back: those who wait search the rows of their call. */
  beforeRemoval(): void {
    if (this.#searches.size === 0) return;
    for (const { search } of this.#searches.values()) search.allowed = search.allowed?.slice() ?? null;
    this.#searches = new Map();
  }
}

function share({ offsets, indices, scores, scored }: FoundRows, first: number, end: number, rows: number) {
  const [from, to] = [offsets[first], offsets[end]];
  return {
    offsets: offsets.slice(first, end + 1).map((offset) => offset - from),
    indices: indices.slice(from, to),
    scores: scores.slice(from, to),
    scored: Math.round((scored * (end - first)) / rows),
  };
}
