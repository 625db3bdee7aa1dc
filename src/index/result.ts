import { integer } from '../core/validate.js';
import type { FoundRows } from '../native/row-store.js';
import type { Id } from './ids/id.js';
import type { IdTable } from './ids/table.js';

/** One row found: its id and its score. */
export interface IndexHit {
  id: Id;
  score: number;
}

/**
 * What a search of an index found, for each query best first; among equal scores, the row that was added (or
 * last updated) first.
 */
export class SearchResult {
  /** Number of queries. */
  readonly rows: number;
  /** Most hits that a query has: the `k` asked for, or fewer if fewer rows count. */
  readonly k: number;
  /** Hits of query `i` are at `offsets[i]` to `offsets[i + 1]` of `scores` and `ids`. */
  readonly offsets: Float64Array;
  /** Scores of all hits, query after query. */
  readonly scores: Float32Array;
  /**
   * How many pairs of query and row got their exact score. The rest of queries × rows was ruled out by the bounds of a
   * cheaper one. Searches at the same time may share a pass, and then share this number evenly.
   */
  readonly scored: number;
  readonly #positions: Uint32Array;
  readonly #table: IdTable;
  #ids: Id[] | undefined;

  /** @internal */
  constructor(rows: number, found: FoundRows, table: IdTable) {
    this.rows = rows;
    this.offsets = found.offsets;
    this.scores = found.scores;
    this.scored = found.scored;
    this.#positions = found.indices;
    this.#table = table;
    let k = 0;
    for (let row = 0; row < rows; row++) k = Math.max(k, this.offsets[row + 1] - this.offsets[row]);
    this.k = k;
  }

  /** Ids of all hits, query after query. */
  get ids(): Id[] {
    // Looked up on first use, because a large batch has many.
    this.#ids ??= Array.from(this.#positions, (position) => this.#table.at(position));
    return this.#ids;
  }

  /** The hits of query `row`, best first. */
  get(row: number): IndexHit[] {
    integer('row', row, 0, this.rows - 1);
    const start = this.offsets[row];
    return Array.from({ length: this.offsets[row + 1] - start }, (_, i) => ({
      id: this.#table.at(this.#positions[start + i]),
      score: this.scores[start + i],
    }));
  }
}
