import { cpus } from 'node:os';
import type { Embeddings, Precision } from '../../core/embeddings.js';
import { EmbedlaneError } from '../../core/errors.js';
import { Pace } from '../../core/pace.js';
import { DTYPES, type Dtype } from '../../native/binding.js';
import { quantize, simd, topK } from '../../vectors/index.js';
import { type MachineLimits, measureLimits } from '../../vectors/limits.js';
import type { CliContext } from '../context.js';

export interface VectorsFlags {
  rows: number;
  dims: number;
  dtypes: Dtype[];
  threads: number;
  json?: boolean;
}

/** One measured search. */
interface Measured {
  dtype: Dtype;
  queries: number;
  /** Of the best of several runs. */
  milliseconds: number;
  /** Two operations for each pair of elements. */
  gops: number;
  /** The corpus read once, whatever was read in fact. */
  gbps: number;
  /** Of the limit that is closer: arithmetic or memory. */
  share: number | undefined;
  /** Time of the same search of float32 vectors, divided by this one's. */
  speedup: number | undefined;
}

const FLOATS: ReadonlySet<Dtype> = new Set(['f32', 'f16', 'bf16']);
const QUERIES = [1, 32, 256];
const K = 10;
/** Least time that a case is measured for, in milliseconds, and its least number of runs. */
const DURATION = 250;
const RUNS = 5;

const PRECISIONS: Record<Dtype, Precision> = {
  f32: 'float32',
  f16: 'float16',
  bf16: 'bfloat16',
  i8: 'int8',
  u8: 'uint8',
  b1: 'ubinary',
};

/** `embedlane bench vectors`. */
export async function benchVectors(flags: VectorsFlags, { signal }: CliContext): Promise<void> {
  const { rows, dims, dtypes, threads } = flags;
  const before = await measureLimits(threads);
  const results: Measured[] = [];
  for (const dtype of dtypes) {
    const corpus = await randomVectors(dtype, rows, dims, { seed: 1, signal });
    for (const queries of QUERIES) {
      const matrix = await randomVectors(dtype, queries, dims, { seed: 2, signal });
      const metric = dtype === 'b1' ? 'hamming' : 'dot';
      const milliseconds = await bestTime(() => topK(matrix, corpus, { k: K, metric, threads, signal }));
      const gops = (2 * rows * dims * queries) / milliseconds / 1e6;
      const gbps = corpus.data.byteLength / milliseconds / 1e6;
      const plain = results.find((other) => other.dtype === 'f32' && other.queries === queries);
      const speedup = plain && plain.milliseconds / milliseconds;
      results.push({ dtype, queries, milliseconds, gops, gbps, share: undefined, speedup });
    }
  }
  // Measured on both sides: a limit taken in a slow moment would flatter every share of it.
  const limits = larger(before, await measureLimits(threads));
  for (const result of results) result.share = shareOf(result, limits);
  if (flags.json) {
    const { level } = simd();
    process.stdout.write(`${JSON.stringify({ ...flags, json: undefined, simd: level, limits, results })}\n`);
  } else {
    print(flags, limits, results);
  }
}

function print({ rows, dims, threads, dtypes }: VectorsFlags, limits: MachineLimits, results: Measured[]) {
  const most = dtypes.map((dtype) => `${dtype} ${digits(limits.gops[dtype])}`).join(', ');
  const write = (line: string) => process.stdout.write(`${line}\n`);
  write(`${cpus()[0]?.model ?? 'CPU'}, ${simd().level}, threads: ${threads}`);
  write(`At most ${digits(limits.gbps)} GB/s, and 10⁹ operations a second: ${most}`);
  write(`The ${K} best of ${rows} × ${dims}:\n`);
  write('dtype  queries        ms    Gop/s      GB/s  of the limit  than f32');
  for (const { dtype, queries, milliseconds, gops, gbps, share, speedup } of results) {
    const cells = [milliseconds, gops, gbps].map((value) => digits(value).padStart(10)).join('');
    const percent = (share === undefined ? '—' : `${Math.round(100 * share)} %`).padStart(14);
    const times = (speedup === undefined ? '—' : `${digits(speedup)}×`).padStart(10);
    write(`${dtype.padEnd(5)}${String(queries).padStart(9)}${cells}${percent}${times}`);
  }
  // Small corpora may come from a cache: that is no limit of arithmetic.
  if (results.some(({ dtype, queries, share = 0 }) => FLOATS.has(dtype) && queries > 1 && share > 1.05)) {
    write(
      '\nMore than 100 %: batches of floats are scanned as 8-bit codes, of which the machine does more a second.',
    );
  }
}

async function bestTime(run: () => Promise<unknown>): Promise<number> {
  await run(); // warm
  let best = Number.POSITIVE_INFINITY;
  const started = performance.now();
  for (let runs = 0; runs < RUNS || performance.now() - started < DURATION; runs++) {
    const before = performance.now();
    await run();
    best = Math.min(best, performance.now() - before);
  }
  return best;
}

function larger(a: MachineLimits, b: MachineLimits): MachineLimits {
  const greater = (x?: number, y?: number) =>
    x === undefined || y === undefined ? undefined : Math.max(x, y);
  const gops = { ...a.gops };
  for (const dtype of DTYPES) gops[dtype] = greater(a.gops[dtype], b.gops[dtype]);
  return { gops, gbps: greater(a.gbps, b.gbps) };
}

function shareOf({ dtype, gops, gbps }: Measured, limits: MachineLimits): number | undefined {
  const shares = [
    [gops, limits.gops[dtype]],
    [gbps, limits.gbps],
  ].flatMap(([speed, limit]) => (speed === undefined || limit === undefined ? [] : [speed / limit]));
  return shares.length === 0 ? undefined : Math.max(...shares);
}

function digits(value: number | undefined): string {
  return value === undefined ? '—' : value.toPrecision(value >= 1000 ? 4 : 3);
}

/** The same values in every run, between -0.5 and 0.5 (xorshift32), as elements of `dtype`. */
async function randomVectors(
  dtype: Dtype,
  rows: number,
  dims: number,
  { seed, signal }: { seed: number; signal: AbortSignal },
): Promise<Embeddings<Precision>> {
  const data = allocate(rows, dims);
  const pace = new Pace(signal);
  let state = seed;
  // Ctrl-C must get through: it takes seconds.
  await pace.turn();
  for (let row = 0; row < rows; row++) {
    for (let i = row * dims; i < (row + 1) * dims; i++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      data[i] = (state >>> 0) / 2 ** 32 - 0.5;
    }
    if (pace.due) await pace.turn();
  }
  const all = (value: number) => new Array<number>(dims).fill(value);
  const ranges = dtype === 'i8' || dtype === 'u8' ? { min: all(-0.5), max: all(0.5) } : undefined;
  return quantize({ data, rows, dims }, PRECISIONS[dtype], { ranges });
}

function allocate(rows: number, dims: number): Float32Array<ArrayBuffer> {
  try {
    return new Float32Array(rows * dims);
  } catch (cause) {
    const size = `${rows} × ${dims} float32 vectors`;
    throw new EmbedlaneError('ERR_INVALID_ARG', `Expected room for ${size} but there is not so much memory`, {
      cause,
    });
  }
}
