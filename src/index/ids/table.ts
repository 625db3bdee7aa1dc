import { EmbedlaneError } from '../../core/errors.js';
import type { Bitmap } from '../bitmap.js';
import { type IdColumn, ListIds, SequenceIds } from './columns.js';
import type { Id } from './id.js';

/** Entries of one Map: V8 refuses more than 2^24. */
const MAP_SIZE = 2 ** 23;

/**
 * Which id each row has, and where a row with a given id is.
 *
 * Rows keep their position for good, so this only ever grows: whoever remembers the table and its length at
 * some moment can still read every id of that moment. A lookup knows the sequences by arithmetic; other ids
 * are put into a map when the first lookup asks, so that an index opens without it.
 */
export class IdTable {
  length = 0;
  /** The next default id: one more than the largest integer id so far, which is no id itself after 2⁵³ − 1. */
  nextId = 0;
  readonly #columns: IdColumn[] = [];
  /** Position of each column's first row. */
  readonly #starts: number[] = [];
  /** The sequences among the columns; their ids ascend, because each begins at `nextId`. */
  readonly #sequences: { ids: SequenceIds; start: number }[] = [];
  /** Ids of live rows outside the sequences; undefined until somebody asks. */
  #positions: Map<Id, number>[] | undefined;

  /** The id of the row at `position`. */
  at(position: number): Id {
    const column = lastAtMost(this.#starts, position);
    return this.#columns[column].at(position - this.#starts[column]);
  }

  /** The columns that have the rows below `end`, and the positions of each. */
  *columns(end: number): Generator<{ ids: IdColumn; start: number; end: number }> {
    for (let i = 0; i < this.#columns.length && this.#starts[i] < end; i++) {
      const start = this.#starts[i];
      yield { ids: this.#columns[i], start, end: Math.min(start + this.#columns[i].length, end) };
    }
  }

  /** Ids of rows `start` to `end`. */
  slice(start: number, end: number): Id[] {
    return Array.from({ length: end - start }, (_, i) => this.at(start + i));
  }

  /**
   * The position of the live row with this id, or -1.
   *
   * @throws {EmbedlaneError} `ERR_CORRUPT` if a file gave two rows one id
   */
  find(id: Id, live: Bitmap): number {
    if (typeof id === 'number') {
      const sequence = this.#sequences[this.#sequenceOf(id)];
      if (sequence !== undefined && id - sequence.ids.first < sequence.ids.length) {
        const position = sequence.start + (id - sequence.ids.first);
        if (live.has(position)) return position;
      }
    }
    if (this.#columns.length === this.#sequences.length) return -1;
    for (const map of this.#maps(live)) {
      const position = map.get(id);
      if (position !== undefined) return position;
    }
    return -1;
  }

  /** Gives the next `count` rows default ids. */
  addSequence(count: number): void {
    // A column of a file may look like a sequence and not be one of ours: the map has its ids.
    const last = this.#sequences.at(-1)?.ids;
    if (last !== undefined && last === this.#columns.at(-1) && last.first + last.length === this.nextId) {
      last.length += count;
      this.length += count;
      this.nextId += count;
    } else {
      this.addColumn(new SequenceIds(this.nextId, count));
    }
  }

  /** Gives the next rows these ids, of which none may be in use. */
  addList(ids: readonly Id[]): void {
    let last = this.#columns.at(-1);
    if (!(last instanceof ListIds)) {
      last = new ListIds();
      this.addColumn(last);
    }
    for (const id of ids) {
      (last as ListIds).ids.push(id);
      if (typeof id === 'number' && id >= this.nextId) this.nextId = id + 1;
      this.#remember(id, this.length++);
    }
  }

  /** Gives the next rows the ids of a column from a file. Who reads the file knows `nextId`. */
  addColumn(column: IdColumn): void {
    if (column instanceof SequenceIds && column.first >= this.nextId) {
      this.#sequences.push({ ids: column, start: this.length });
      this.nextId = column.first + column.length;
    } else if (this.#positions !== undefined) {
      for (let i = 0; i < column.length; i++) this.#remember(column.at(i), this.length + i);
    }
    this.#columns.push(column);
    this.#starts.push(this.length);
    this.length += column.length;
  }

  /** Forgets where the row with this id was: it is no longer live. */
  forget(id: Id): void {
    for (const map of this.#positions ?? []) map.delete(id);
  }

  /** Undoes {@link forget}. */
  restore(id: Id, position: number): void {
    this.#remember(id, position);
  }

  #remember(id: Id, position: number): void {
    if (this.#positions === undefined) return;
    let map = this.#positions[this.#positions.length - 1];
    if (map === undefined || map.size >= MAP_SIZE) {
      map = new Map();
      this.#positions.push(map);
    }
    map.set(id, position);
  }

  /** Index of the last sequence that begins at or before `id`; it need not reach as far. */
  #sequenceOf(id: number): number {
    let low = 0;
    let high = this.#sequences.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#sequences[middle].ids.first <= id) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #maps(live: Bitmap): Map<Id, number>[] {
    if (this.#positions !== undefined) return this.#positions;
    this.#positions = [];
    const sequences = new Set<IdColumn>(this.#sequences.map(({ ids }) => ids));
    for (const [c, column] of this.#columns.entries()) {
      if (sequences.has(column)) continue;
      for (const position of live.positions(this.#starts[c], this.#starts[c] + column.length)) {
        const id = column.at(position - this.#starts[c]);
        if (this.#positions.some((map) => map.has(id))) {
          this.#positions = undefined;
          throw new EmbedlaneError(
            'ERR_CORRUPT',
            `Expected distinct ids in the index but received ${JSON.stringify(id)} twice`,
          );
        }
        this.#remember(id, position);
      }
    }
    return this.#positions;
  }
}

/** Index of the last of the ascending values that is at most `value`. */
function lastAtMost(values: readonly number[], value: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
