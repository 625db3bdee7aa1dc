import { setImmediate } from 'node:timers/promises';
import { EmbedlaneError } from '../../core/errors.js';
import type { Metric } from '../binding.js';
import { allocateFloats, allocateTopK } from '../memory.js';
import type { FoundRows, RowStore, StoreSearch, StoreTask } from '../row-store.js';
import { cosineOf, dotSum, squaredL2Sum } from './kernels.js';
import { BestRows } from './topk.js';

/** Multiply-adds between two looks at the event loop: a few milliseconds. */
const SLICE = 1_000_000;
/** Floats of the first chunk and of the largest one: chunks double between, so that growth never copies. */
const FIRST_CHUNK = 16 * 1024;
const LARGEST_CHUNK = 16 * 1024 * 1024;

/** A run of consecutive rows. Floats, each row padded to a multiple of 64 bytes. */
interface Chunk {
  data: Float32Array;
  rows: number;
}

/** The {@link RowStore} of the fallback, on JavaScript's heap. It cannot map files. */
export class HeapRowStore implements RowStore {
  readonly stride: number;
  readonly mappedBytes = 0;
  rows = 0;
  readonly #dims: number;
  #chunks: Chunk[] = [];

  constructor(dims: number) {
    this.#dims = dims;
    this.stride = Math.ceil(dims / 16) * 64;
  }

  get memoryBytes(): number {
    return this.#chunks.reduce((sum, { data }) => sum + data.byteLength, 0);
  }

  append(data: Float32Array): number {
    const bad = data.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) return Math.floor(bad / this.#dims);
    this.#add(data.length / this.#dims, (row, out) => {
      out.set(data.subarray(row * this.#dims, (row + 1) * this.#dims));
    });
    return -1;
  }

  appendStored(bytes: Uint8Array): void {
    const { stride } = this;
    this.#add(bytes.length / stride, (row, out) => {
      new Uint8Array(out.buffer, out.byteOffset, stride).set(
        bytes.subarray(row * stride, (row + 1) * stride),
      );
    });
  }

  #add(count: number, write: (row: number, out: Float32Array) => void): void {
    const width = this.stride / 4;
    const last = this.#chunks.at(-1);
    const room = last ? last.data.length / width - last.rows : 0;
    if (count > room) {
      const size = Math.min(Math.max(this.memoryBytes / 4, FIRST_CHUNK), LARGEST_CHUNK);
      const rows = Math.max(Math.floor(size / width), count - room);
      this.#chunks.push({ data: allocateFloats(rows * width), rows: 0 });
    }
    let index = last && room > 0 ? this.#chunks.indexOf(last) : this.#chunks.length - 1;
    for (let row = 0; row < count; row++) {
      if (this.#chunks[index].rows * width === this.#chunks[index].data.length) index++;
      const chunk = this.#chunks[index];
      write(row, chunk.data.subarray(chunk.rows * width, ++chunk.rows * width));
    }
    this.rows += count;
  }

  map(path: string): boolean {
    throw new EmbedlaneError('ERR_NATIVE_LOAD', `Expected the addon for mapping ${path} but received none`);
  }

  gather(positions: Uint32Array, out: Uint8Array): void {
    positions.forEach((position, i) => {
      const row = this.#stored(position);
      out.set(new Uint8Array(row.buffer, row.byteOffset, row.byteLength), i * this.stride);
    });
  }

  read(positions: Uint32Array, out: Float32Array): void {
    positions.forEach((position, i) => {
      out.set(this.#stored(position).subarray(0, this.#dims), i * this.#dims);
    });
  }

  #stored(position: number): Float32Array {
    const width = this.stride / 4;
    let at = position;
    for (const { data, rows } of this.#chunks) {
      if (at < rows) return data.subarray(at * width, (at + 1) * width);
      at -= rows;
    }
    throw new RangeError(`There is no row ${position}`);
  }

  search(search: StoreSearch): StoreTask {
    // Copied here: the caller may change them after the call.
    const queries = search.queries.slice();
    const allowed = search.allowed?.slice() ?? null;
    return inSlices(scan(this.#snapshot(), { ...search, queries, allowed }));
  }

  searchSync(search: StoreSearch): FoundRows {
    const steps = scan(this.#snapshot(), search);
    for (;;) {
      const step = steps.next();
      if (step.done) return step.value;
    }
  }

  #snapshot(): Snapshot {
    return { dims: this.#dims, width: this.stride / 4, chunks: this.#chunks.map((chunk) => ({ ...chunk })) };
  }

  close(): void {
    this.#chunks = [];
    this.rows = 0;
  }
}

interface Snapshot {
  dims: number;
  /** Floats from row to row. */
  width: number;
  chunks: Chunk[];
}

type Steps = Generator<undefined, FoundRows>;

function inSlices(steps: Steps): StoreTask {
  let cancelled = false;
  const run = async () => {
    for (;;) {
      await setImmediate();
      if (cancelled) throw new EmbedlaneError('ERR_ABORTED', 'The operation was aborted');
      const step = steps.next();
      if (step.done) return step.value;
    }
  };
  return {
    promise: run(),
    cancel: () => {
      cancelled = true;
    },
  };
}

/** The canonical score of every pair, in slices. */
function* scan({ dims, width, chunks }: Snapshot, search: StoreSearch): Steps {
  const { queries, metric, allowed } = search;
  const sign = metric === 'l2' ? -1 : 1;
  const worst = search.radius === null ? null : sign * search.radius;
  const k = Math.min(search.k, search.rows);
  const found: { indices: Uint32Array; goodness: Float32Array }[] = [];
  let work = 0;
  for (let start = 0; start < queries.length; start += dims) {
    const square = dotSum(queries, start, queries, start, dims);
    const best = new BestRows(k);
    let first = 0;
    for (const { data, rows } of chunks) {
      for (let row = 0; row < Math.min(rows, search.rows - first); row++) {
        if (++work * dims > SLICE) {
          work = 0;
          yield;
        }
        const position = first + row;
        if (allowed && ((allowed[position >>> 5] >>> (position & 31)) & 1) === 0) continue;
        const goodness = sign * score(metric, queries, start, square, data, row * width, dims);
        if (worst === null || goodness >= worst) best.push(goodness, position);
      }
      first += rows;
    }
    const indices = new Uint32Array(best.size);
    const goodness = new Float32Array(best.size);
    best.sortInto(indices, goodness);
    found.push({ indices, goodness });
  }
  return join(found, sign);
}

function join(found: { indices: Uint32Array; goodness: Float32Array }[], sign: number): FoundRows {
  const offsets = new Float64Array(found.length + 1);
  for (const [i, { indices }] of found.entries()) offsets[i + 1] = offsets[i] + indices.length;
  const { indices, scores } = allocateTopK(offsets[found.length]);
  for (const [i, part] of found.entries()) {
    indices.set(part.indices, offsets[i]);
    // 0 - goodness, not -goodness: a distance of zero is +0.
    scores.set(sign < 0 ? part.goodness.map((value) => 0 - value) : part.goodness, offsets[i]);
  }
  return { offsets, indices, scores };
}

function score(
  metric: Metric,
  a: Float32Array,
  aStart: number,
  aSquare: number,
  b: Float32Array,
  bStart: number,
  dims: number,
): number {
  if (metric === 'l2') return Math.fround(Math.sqrt(squaredL2Sum(a, aStart, b, bStart, dims)));
  const dot = dotSum(a, aStart, b, bStart, dims);
  return Math.fround(metric === 'dot' ? dot : cosineOf(dot, aSquare, dotSum(b, bStart, b, bStart, dims)));
}
