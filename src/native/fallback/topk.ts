import type { Dtype, SearchMetric, TopKArrays, TopKTask, VectorData } from '../binding.js';
import { allocateFloats, allocateTopK } from '../memory.js';
import { fromHalves } from './half.js';
import { cosineOf, dotSum, l1Sum, squaredL2Sum } from './kernels.js';
import { runInSlices, SLICE } from './slices.js';

/** Exact search in TypeScript: the canonical score of every pair. Same results as the addon's. */
export function topKSync(
  queries: VectorData,
  corpus: VectorData,
  dims: number,
  k: number,
  metric: SearchMetric,
  dtype: Dtype = 'f32',
): TopKArrays {
  const length = valuesOf(dims, dtype);
  const steps = search(widened(queries, length, dtype), widened(corpus, length, dtype), length, k, metric);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** The same in slices, so that the event loop turns meanwhile. */
export function topK(
  queries: VectorData,
  corpus: VectorData,
  dims: number,
  k: number,
  metric: SearchMetric,
  dtype: Dtype = 'f32',
): TopKTask {
  const length = valuesOf(dims, dtype);
  const own = widened(queries.slice(), length, dtype);
  return runInSlices(search(own, widened(corpus, length, dtype), length, k, metric));
}

/** How many values of a row are compared: of bits those of whole bytes, as everywhere. */
function valuesOf(dims: number, dtype: Dtype): number {
  return dtype === 'b1' ? 8 * Math.ceil(dims / 8) : dims;
}

/** The elements as float32, which holds all of them exactly. */
function widened(data: VectorData, dims: number, dtype: Dtype): Float32Array {
  if (data instanceof Float32Array) return data;
  if (dtype === 'b1') return unpacked(data, dims);
  const wide = allocateFloats(data.length);
  if (data instanceof Uint16Array) fromHalves(dtype === 'f16' ? 'f16' : 'bf16', data, wide);
  else wide.set(data);
  return wide;
}

function unpacked(data: VectorData, dims: number): Float32Array {
  const bytes = dims / 8;
  const rows = data.length / bytes;
  const bits = allocateFloats(rows * dims);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < dims; i++) {
      bits[row * dims + i] = (data[row * bytes + (i >> 3)] >> (7 - (i & 7))) & 1;
    }
  }
  return bits;
}

function* search(
  queries: Float32Array,
  corpus: Float32Array,
  dims: number,
  k: number,
  metric: SearchMetric,
): Generator<undefined, TopKArrays> {
  const queryCount = queries.length / dims;
  const rowCount = corpus.length / dims;
  const { indices, scores } = allocateTopK(queryCount * k);
  const slice = Math.max(1, Math.floor(SLICE / dims));
  const squares = new Float64Array(metric === 'cosine' ? rowCount : 0);
  for (let row = 0; row < squares.length; row++) {
    squares[row] = dotSum(corpus, row * dims, corpus, row * dims, dims);
    if ((row + 1) % slice === 0) yield;
  }
  let work = 0;
  for (let query = 0; query < queryCount; query++) {
    const start = query * dims;
    const square = metric === 'cosine' ? dotSum(queries, start, queries, start, dims) : 0;
    const best = new BestRows(k);
    for (let row = 0; row < rowCount; row++) {
      if (++work % slice === 0) yield;
      if (metric === 'l2') {
        best.push(-Math.fround(Math.sqrt(squaredL2Sum(queries, start, corpus, row * dims, dims))), row);
        continue;
      }
      if (metric === 'l1') {
        best.push(-Math.fround(l1Sum(queries, start, corpus, row * dims, dims)), row);
        continue;
      }
      const dot = dotSum(queries, start, corpus, row * dims, dims);
      best.push(Math.fround(metric === 'dot' ? dot : cosineOf(dot, square, squares[row])), row);
    }
    best.sortInto(indices.subarray(query * k, (query + 1) * k), scores.subarray(query * k, (query + 1) * k));
    if (metric === 'l2' || metric === 'l1') {
      for (let i = query * k; i < (query + 1) * k; i++) scores[i] = 0 - scores[i];
    }
  }
  return { indices, scores };
}

/** The best k of the rows pushed: a binary heap with the worst of them on top. */
export class BestRows {
  private readonly goodness: Float32Array;
  private readonly rows: Uint32Array;
  size = 0;

  constructor(private readonly k: number) {
    this.goodness = new Float32Array(k);
    this.rows = new Uint32Array(k);
  }

  push(goodness: number, row: number): void {
    if (this.size < this.k) {
      this.siftUp(this.size++, goodness + 0, row);
    } else if (isWorse(this.goodness[0], this.rows[0], goodness, row)) {
      this.siftDown(goodness + 0, row);
    }
  }

  /** Writes the rows and their goodness best first; the heap is empty afterwards. */
  sortInto(rows: Uint32Array, goodness: Float32Array): void {
    for (let i = this.size - 1; i >= 0; i--) {
      rows[i] = this.rows[0];
      goodness[i] = this.goodness[0];
      this.size--;
      this.siftDown(this.goodness[this.size], this.rows[this.size]);
    }
  }

  private siftUp(hole: number, goodness: number, row: number): void {
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      if (!isWorse(goodness, row, this.goodness[parent], this.rows[parent])) break;
      this.place(hole, parent);
      hole = parent;
    }
    this.goodness[hole] = goodness;
    this.rows[hole] = row;
  }

  /** Puts a row where the top was. */
  private siftDown(goodness: number, row: number): void {
    let hole = 0;
    for (let child = 1; child < this.size; child = 2 * hole + 1) {
      const other = child + 1;
      if (
        other < this.size &&
        isWorse(this.goodness[other], this.rows[other], this.goodness[child], this.rows[child])
      ) {
        child = other;
      }
      if (!isWorse(this.goodness[child], this.rows[child], goodness, row)) break;
      this.place(hole, child);
      hole = child;
    }
    this.goodness[hole] = goodness;
    this.rows[hole] = row;
  }

  private place(to: number, from: number): void {
    this.goodness[to] = this.goodness[from];
    this.rows[to] = this.rows[from];
  }
}

/** Order of candidates: NaN is worse than every number; among equals the higher row is worse. */
function isWorse(goodness: number, row: number, other: number, otherRow: number): boolean {
  if (goodness < other) return true;
  if (goodness > other) return false;
  if (goodness === other || (Number.isNaN(goodness) && Number.isNaN(other))) return row > otherRow;
  return Number.isNaN(goodness);
}
