import { markAsUntransferable } from 'node:worker_threads';
import { EmbedlaneError } from '../../core/errors.js';
import { allocateFloats, allocateTopK } from '../memory.js';
import {
  type FoundRows,
  type RowStore,
  type StagedRows,
  type StoreDtype,
  type StoreMetric,
  type StoreSearch,
  type StoreTask,
  storedStride,
} from '../row-store.js';
import { conversions } from './conversions.js';
import { cosineOf, dotSum, l1Sum, squaredL2Sum } from './kernels.js';
import { runInSlices, SLICE } from './slices.js';
import { BestRows } from './topk.js';

/** Floats of the first chunk and of the largest one: chunks double between, so that growth never copies. */
const FIRST_CHUNK = 16 * 1024;
const LARGEST_CHUNK = 16 * 1024 * 1024;

/** Values of this size and above become infinite. */
const LIMITS: Partial<Record<StoreDtype, number>> = { f16: 65520, bf16: 2 ** 128 - 2 ** 119 };

/**
 * A run of consecutive rows, as the floats that their elements stand for (the codes themselves where rows have
 * scales, 1 and 0 for bits): exact, and one kind of arithmetic for all.
 */
interface Chunk {
  data: Float32Array<ArrayBuffer>;
  scales: Float32Array<ArrayBuffer>;
  rows: number;
}

/** The {@link RowStore} of the fallback, on JavaScript's heap. It cannot map files. */
export class HeapRowStore implements RowStore {
  readonly stride: number;
  readonly mappedBytes = 0;
  /** Every pair gets its exact score here, and signs are read off the values: codes would only take time. */
  readonly codes = null;
  rows = 0;
  readonly #dims: number;
  readonly #dtype: StoreDtype;
  #chunks: Chunk[] = [];

  constructor(dims: number, dtype: StoreDtype) {
    this.#dims = dims;
    this.#dtype = dtype;
    this.stride = storedStride(dtype, dims);
  }

  get memoryBytes(): number {
    return this.#chunks.reduce((sum, { data, scales }) => sum + data.byteLength + scales.byteLength, 0);
  }

  firstUnfit(data: Float32Array<ArrayBuffer>): number {
    const limit = LIMITS[this.#dtype] ?? Number.POSITIVE_INFINITY;
    const unfit = data.findIndex((value) => !(Math.abs(value) < limit));
    return unfit < 0 ? -1 : Math.floor(unfit / this.#dims);
  }

  append(data: Float32Array<ArrayBuffer>): number {
    const unfit = this.firstUnfit(data);
    if (unfit >= 0) return unfit;
    this.#add(data.length / this.#dims, (row, out) => {
      return encode(this.#dtype, data.subarray(row * this.#dims, (row + 1) * this.#dims), out);
    });
    return -1;
  }

  stage(data: Float32Array<ArrayBuffer>): StagedRows {
    markAsUntransferable(data.buffer);
    // Without other threads there is nothing to gain but turns of the event loop.
    const staged = new HeapRowStore(this.#dims, this.#dtype);
    let unfit = -1;
    const dims = this.#dims;
    const steps = function* (): Generator<undefined, void> {
      const step = Math.max(1, Math.floor(SLICE / dims)) * dims;
      for (let at = 0; at < data.length && unfit < 0; at += step) {
        unfit = staged.append(data.subarray(at, at + step));
        if (unfit >= 0) unfit += at / dims;
        yield;
      }
    };
    return {
      promise: runInSlices(steps()).promise,
      adopt: () => {
        if (unfit >= 0) return unfit;
        this.#chunks.push(...staged.#chunks);
        this.rows += staged.rows;
        return -1;
      },
      // The garbage collector knows of these rows.
      discard: () => {},
    };
  }

  appendStored(bytes: Uint8Array, scales: Float32Array | null): void {
    const { stride } = this;
    this.#add(bytes.length / stride, (row, out) => {
      unpack(this.#dtype, bytes.slice(row * stride, (row + 1) * stride), out);
      return scales?.[row] ?? 1;
    });
  }

  #add(count: number, write: (row: number, out: Float32Array<ArrayBuffer>) => number): void {
    const dims = this.#dims;
    const last = this.#chunks.at(-1);
    const room = last ? last.scales.length - last.rows : 0;
    if (count > room) {
      const size = Math.min(Math.max(this.memoryBytes / 4, FIRST_CHUNK), LARGEST_CHUNK);
      const rows = Math.max(Math.floor(size / dims), count - room);
      this.#chunks.push({ data: allocateFloats(rows * dims), scales: allocateFloats(rows), rows: 0 });
    }
    let index = last && room > 0 ? this.#chunks.indexOf(last) : this.#chunks.length - 1;
    for (let row = 0; row < count; row++) {
      if (this.#chunks[index].rows === this.#chunks[index].scales.length) index++;
      const chunk = this.#chunks[index];
      chunk.scales[chunk.rows] = write(row, chunk.data.subarray(chunk.rows * dims, (chunk.rows + 1) * dims));
      chunk.rows++;
    }
    this.rows += count;
  }

  map(path: string): boolean {
    throw new EmbedlaneError('ERR_NATIVE_LOAD', `Expected the addon for mapping ${path} but received none`);
  }

  prepare(): boolean {
    return false;
  }

  gatherCodes(): never {
    throw new EmbedlaneError('ERR_NATIVE_LOAD', 'Expected the addon for codes of rows but received none');
  }

  gather(positions: Uint32Array, out: Uint8Array, scales: Float32Array | null): void {
    positions.forEach((position, i) => {
      const { values, scale } = this.#at(position);
      out.set(pack(this.#dtype, values, this.stride), i * this.stride);
      if (scales) scales[i] = scale;
    });
  }

  read(positions: Uint32Array, out: Float32Array): void {
    positions.forEach((position, i) => {
      const { values, scale } = this.#at(position);
      out.set(this.#dtype === 'i8' ? values.map((code) => code * scale) : values, i * this.#dims);
    });
  }

  #at(position: number): { values: Float32Array<ArrayBuffer>; scale: number } {
    let at = position;
    for (const { data, scales, rows } of this.#chunks) {
      if (at < rows) {
        return { values: data.subarray(at * this.#dims, (at + 1) * this.#dims), scale: scales[at] };
      }
      at -= rows;
    }
    throw new RangeError(`There is no row ${position}`);
  }

  search(search: StoreSearch): StoreTask {
    // Copied here: the caller may change it after the call.
    const allowed = search.allowed?.slice() ?? null;
    return runInSlices(scan(this.#snapshot(), this.#encoded(search.queries), { ...search, allowed }));
  }

  searchSync(search: StoreSearch): FoundRows {
    const steps = scan(this.#snapshot(), this.#encoded(search.queries), search);
    for (;;) {
      const step = steps.next();
      if (step.done) return step.value;
    }
  }

  /** The queries as if they were rows. */
  #encoded(queries: Float32Array<ArrayBuffer>): Chunk {
    const store = new HeapRowStore(this.#dims, this.#dtype);
    if (store.append(queries) >= 0) {
      throw new EmbedlaneError('ERR_INVALID_ARG', 'Expected queries that the dtype can hold');
    }
    return store.#chunks[0];
  }

  #snapshot(): Snapshot {
    const chunks = this.#chunks.map((chunk) => ({ ...chunk }));
    return { dims: this.#dims, scaled: this.#dtype === 'i8', chunks };
  }

  close(): void {
    this.#chunks = [];
    this.rows = 0;
  }
}

/** Writes the floats that a row's elements stand for and returns its scale. */
function encode(dtype: StoreDtype, row: Float32Array<ArrayBuffer>, out: Float32Array<ArrayBuffer>): number {
  if (dtype === 'i8') {
    const codes = new Int8Array(row.length);
    const scale = new Float32Array(1);
    conversions.quantizeScaled(row, row.length, codes, scale);
    out.set(codes);
    return scale[0];
  }
  if (dtype === 'f32') out.set(row);
  else unpack(dtype, pack(dtype, row, storedStride(dtype, row.length)), out);
  return 1;
}

/** A row as it is stored. */
function pack(dtype: StoreDtype, values: Float32Array<ArrayBuffer>, stride: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(stride);
  const dims = values.length;
  if (dtype === 'f32') new Float32Array(bytes.buffer).set(values);
  else if (dtype === 'i8') bytes.set(Int8Array.from(values));
  else if (dtype === 'b1') conversions.packBits(values, dims, bytes.subarray(0, Math.ceil(dims / 8)));
  else conversions.toHalf(dtype, values, new Uint16Array(bytes.buffer, 0, dims));
  return bytes;
}

/** @param bytes memory of its own */
function unpack(dtype: StoreDtype, bytes: Uint8Array<ArrayBuffer>, out: Float32Array<ArrayBuffer>): void {
  const dims = out.length;
  const { buffer, byteOffset } = bytes;
  if (dtype === 'f32') out.set(new Float32Array(buffer, byteOffset, dims));
  else if (dtype === 'i8') out.set(new Int8Array(buffer, byteOffset, dims));
  else if (dtype === 'b1') conversions.unpackBits(bytes.subarray(0, Math.ceil(dims / 8)), dims, out);
  else conversions.fromHalf(dtype, new Uint16Array(buffer, byteOffset, dims), out);
}

interface Snapshot {
  dims: number;
  /** Elements are codes; scores take the scales into account. */
  scaled: boolean;
  chunks: Chunk[];
}

/** The canonical score of every pair, in slices. */
function* scan(
  { dims, scaled, chunks }: Snapshot,
  queries: Chunk,
  search: StoreSearch,
): Generator<undefined, FoundRows> {
  const { metric } = search;
  const sign = metric === 'l2' || metric === 'l1' ? -1 : 1;
  const worst = search.radius === null ? null : sign * Math.fround(search.radius);
  const k = Math.min(search.k, search.rows);
  const found: { indices: Uint32Array; goodness: Float32Array }[] = [];
  let work = 0;
  let scored = 0;
  for (let query = 0; query < queries.rows; query++) {
    let { allowed } = search;
    if (search.candidates > 0) {
      allowed = yield* candidates(dims, chunks, queries, query, search);
    }
    const best = new BestRows(k);
    let first = 0;
    for (const chunk of chunks) {
      for (let row = 0; row < Math.min(chunk.rows, search.rows - first); row++) {
        if (++work * dims > SLICE) {
          work = 0;
          yield;
        }
        const position = first + row;
        if (allowed && ((allowed[position >>> 5] >>> (position & 31)) & 1) === 0) continue;
        scored++;
        const goodness = sign * scoreOf(metric, scaled, dims, queries, query, chunk, row);
        if (worst === null || goodness >= worst) best.push(goodness, position);
      }
      first += chunk.rows;
    }
    const indices = new Uint32Array(best.size);
    const goodness = new Float32Array(best.size);
    best.sortInto(indices, goodness);
    found.push({ indices, goodness });
  }
  return { ...join(found, sign), scored };
}

/** The bits of the rows whose signs differ in the fewest dimensions from the query's, ties by lowest row. */
function* candidates(
  dims: number,
  chunks: readonly Chunk[],
  queries: Chunk,
  query: number,
  { allowed, candidates, rows }: StoreSearch,
): Generator<undefined, Uint32Array<ArrayBuffer>> {
  const best = new BestRows(Math.min(candidates, rows));
  let first = 0;
  let work = 0;
  for (const chunk of chunks) {
    for (let row = 0; row < Math.min(chunk.rows, rows - first); row++) {
      if (++work * dims > SLICE) {
        work = 0;
        yield;
      }
      const position = first + row;
      if (allowed && ((allowed[position >>> 5] >>> (position & 31)) & 1) === 0) continue;
      let differing = 0;
      for (let i = 0; i < dims; i++) {
        if (queries.data[query * dims + i] > 0 !== chunk.data[row * dims + i] > 0) differing++;
      }
      best.push(-differing, position);
    }
    first += chunk.rows;
  }
  const indices = new Uint32Array(best.size);
  best.sortInto(indices, new Float32Array(best.size));
  const bits = new Uint32Array(Math.ceil(rows / 32));
  for (const index of indices) bits[index >>> 5] |= 1 << (index & 31);
  return bits;
}

function join(
  found: { indices: Uint32Array; goodness: Float32Array }[],
  sign: number,
): Omit<FoundRows, 'scored'> {
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

/** native/search/scores.cc in TypeScript. */
function scoreOf(
  metric: StoreMetric,
  scaled: boolean,
  dims: number,
  a: Chunk,
  aRow: number,
  b: Chunk,
  bRow: number,
): number {
  const [i, j] = [aRow * dims, bRow * dims];
  if (metric === 'l1') return Math.fround(l1Sum(a.data, i, b.data, j, dims));
  if (metric === 'l2' && !scaled) return Math.fround(Math.sqrt(squaredL2Sum(a.data, i, b.data, j, dims)));
  const dot = dotSum(a.data, i, b.data, j, dims);
  const [aScale, bScale] = [a.scales[aRow], b.scales[bRow]];
  if (metric === 'dot') return Math.fround(scaled ? dot * (aScale * bScale) : dot);
  const aSquare = dotSum(a.data, i, a.data, i, dims);
  const bSquare = dotSum(b.data, j, b.data, j, dims);
  if (metric === 'cosine') return Math.fround(cosineOf(dot, aSquare, bSquare));
  const squares = aScale * aScale * aSquare + bScale * bScale * bSquare;
  return Math.fround(Math.sqrt(Math.max(0, squares - 2 * (aScale * bScale * dot))));
}
