import { availableParallelism, cpus } from 'node:os';
import type { Command } from 'commander';
import { throwIfAborted } from '../../core/abort.js';
import { simd, topK } from '../../vectors/index.js';
import { type MachineLimits, measureLimits } from '../../vectors/limits.js';
import type { CliContext } from '../context.js';
import { integerOption } from '../options.js';

interface VectorsFlags {
  rows: number;
  dims: number;
  threads: number;
  json?: boolean;
}

/** One measured search. */
interface Measured {
  dtype: string;
  queries: number;
  /** Of the best of several runs. */
  milliseconds: number;
  gflops: number;
  /** The corpus read once, whatever was read in fact. */
  gbps: number;
  /** Of the limit that is closer: arithmetic or memory. */
  share: number | undefined;
}

const QUERIES = [1, 32, 256];
const K = 10;
/** Least time that a case is measured for, in milliseconds, and its least number of runs. */
const DURATION = 500;
const RUNS = 5;

export function registerBench(program: Command, context: CliContext): void {
  program
    .command('bench')
    .description('How fast this machine is, beside what it can do at most.')
    .command('vectors')
    .description('Exact search: operations and bytes a second, and their share of the measured limits.')
    .option('--rows <n>', 'vectors in the corpus', integerOption(1, 100_000_000), 100_000)
    .option('--dims <n>', 'dimensions', integerOption(1, 65_536), 384)
    .option('--threads <n>', 'threads', integerOption(1, 128), Math.min(availableParallelism(), 128))
    .option('--json', 'print one JSON object instead of a table')
    .addHelpText(
      'after',
      `
Examples:
  $ embedlane bench vectors
  $ embedlane bench vectors --rows 1000000 --dims 768 --json`,
    )
    .action((flags: VectorsFlags) => benchVectors(flags, context));
}

async function benchVectors(flags: VectorsFlags, { signal }: CliContext): Promise<void> {
  const { rows, dims, threads } = flags;
  const before = await measureLimits(threads);
  const corpus = { data: randomVectors(rows * dims, 1), rows, dims };
  const results: Measured[] = [];
  for (const queries of QUERIES) {
    throwIfAborted(signal);
    const matrix = { data: randomVectors(queries * dims, 2), rows: queries, dims };
    const milliseconds = await bestTime(() => topK(matrix, corpus, { k: K, metric: 'dot', threads, signal }));
    const gflops = (2 * rows * dims * queries) / milliseconds / 1e6;
    const gbps = corpus.data.byteLength / milliseconds / 1e6;
    results.push({ dtype: 'f32', queries, milliseconds, gflops, gbps, share: undefined });
  }
  // Measured on both sides: a limit taken in a slow moment would flatter every share of it.
  const limits = larger(before, await measureLimits(threads));
  for (const result of results) result.share = shareOf(result, limits);
  const { level } = simd();
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({ ...flags, json: undefined, simd: level, limits, results })}\n`);
    return;
  }
  process.stdout.write(
    `${cpus()[0]?.model ?? 'CPU'}, ${level}, threads: ${threads}; at most ${digits(limits.gflops)} GFLOP/s and ${digits(limits.gbps)} GB/s\n`,
  );
  process.stdout.write(`The ${K} best of ${rows} × ${dims}:\n\n`);
  process.stdout.write('dtype  queries        ms   GFLOP/s      GB/s  of the limit\n');
  for (const { dtype, queries, milliseconds, gflops, gbps, share } of results) {
    const cells = [milliseconds, gflops, gbps].map((value) => digits(value).padStart(10)).join('');
    const percent = share === undefined ? '—' : `${Math.round(100 * share)} %`;
    process.stdout.write(`${dtype.padEnd(5)}${String(queries).padStart(9)}${cells}${percent.padStart(14)}\n`);
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
  return { gflops: greater(a.gflops, b.gflops), gbps: greater(a.gbps, b.gbps) };
}

function shareOf({ gflops, gbps }: Measured, limits: MachineLimits): number | undefined {
  if (limits.gflops === undefined || limits.gbps === undefined) return undefined;
  return Math.max(gflops / limits.gflops, gbps / limits.gbps);
}

function digits(value: number | undefined): string {
  return value === undefined ? '—' : value.toPrecision(value >= 1000 ? 4 : 3);
}

/** The same values in every run, between -0.5 and 0.5 (xorshift32). */
function randomVectors(length: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32 - 0.5;
  });
}
