/**
 * Analyses of vectors beside what Python has for them: `semanticSearch`, `paraphraseMining` and `communityDetection`
 * (sentence-transformers, torch), `kMeans` (scikit-learn, faiss), `PCA` (scikit-learn). One process each, rounds
 * interleaved.
 *
 *   node bench/analytics.mjs [--rounds 5] [--only search,mining,communities,k-means,pca] [--quick] [--no-peers]
 */
import { availableParallelism } from 'node:os';
import { Contender } from './lib/contender.mjs';
import { describeMachine, machine } from './lib/machine.mjs';
import { pythonPeer, reportMissing } from './lib/peers.mjs';
import { progress, progressDone } from './lib/progress.mjs';
import { options, reportNoise, save } from './lib/report.mjs';
import { median, medianRatio, min } from './lib/stats.mjs';
import { heading, megabytes, number, table, times } from './lib/table.mjs';
import { floatFiles } from './lib/vector-files.mjs';
import { clusteredVectors } from './lib/vectors.mjs';

const chosen = options({ only: { type: 'string', default: 'search,mining,communities,k-means,pca' } });
const ROUNDS = Number(chosen.rounds ?? (chosen.quick ? 2 : 5));
const ONLY = chosen.only.split(',');
const THREADS = availableParallelism();
const SECONDS = chosen.quick ? 0.05 : 1;
const ROWS = chosen.quick ? 2000 : 20_000;

/**
 * `tolerance`: by which summaries may differ, as a share of the value. Sums in float32 leave 1e-5 of a score, and put pairs
 * on the other side of a threshold; k-means begins somewhere else everywhere.
 */
const JOBS = [
  { task: 'search', rows: ROWS, dims: 384, queries: ROWS / 20, k: 10, tolerance: 1e-5 },
  { task: 'mining', rows: ROWS, dims: 384, pairs: ROWS * 10, tolerance: 1e-5 },
  {
    task: 'communities',
    rows: ROWS,
    dims: 384,
    threshold: 0.55,
    least: chosen.quick ? 2 : 10,
    tolerance: 0.01,
  },
  { task: 'k-means', rows: ROWS, dims: 384, clusters: 100, iterations: 25, tolerance: 0.02 },
  { task: 'pca', rows: ROWS / 2, dims: 768, components: 64, tolerance: 1e-3 },
].filter(({ task }) => ONLY.includes(task));

const OURS = 'embedlane';
const list = [{ name: OURS, file: 'contenders/analytics-embedlane.mjs', tasks: ONLY }];
const python = chosen.peers ? pythonPeer() : undefined;
if (python) {
  const file = 'peers/analytics_python.py';
  list.push(
    { name: 'sentence-transformers', file, python, tasks: ['search', 'mining', 'communities'] },
    { name: 'scikit-learn', file, python, tasks: ['k-means', 'pca'] },
  );
}
const withFaiss = chosen.peers ? pythonPeer('vectors', 'faiss') : undefined;
if (withFaiss) {
  list.push({ name: 'faiss', file: 'peers/analytics_python.py', python: withFaiss, tasks: ['k-means'] });
}

function requireSame(name, found, expected, { task, tolerance }) {
  if (found.length !== expected.length) throw new Error(`${name}: ${found.length} figures of ${task}`);
  for (let i = 0; i < expected.length; i++) {
    if (!(Math.abs(found[i] - expected[i]) <= tolerance * Math.max(1e-3, Math.abs(expected[i])))) {
      throw new Error(`${name} has ${found[i]} instead of ${expected[i]} (${task}, figure ${i})`);
    }
  }
}

async function measure(job) {
  const able = list.filter(({ tasks }) => tasks.includes(job.task));
  let expected;
  for (const { name, process } of able) {
    progress(`${job.task}: checking ${name}`);
    const found = await process.call('summary', job);
    expected ??= found;
    requireSame(name, found, expected, job);
  }
  const results = able.map(({ name, process }) => ({ ...job, name, process, rounds: [] }));
  for (let round = 0; round < ROUNDS; round++) {
    for (const { name, process, rounds } of results) {
      progress(`${job.task}: round ${round + 1} of ${ROUNDS}, ${name}`);
      rounds.push(await process.measure('round', { ...job, seconds: SECONDS }));
    }
  }
  return results.map(({ process: _, ...result }) => result);
}

const seconds = ({ rounds }) => rounds.map((round) => round.seconds);

function row(result, group) {
  return [
    result.task,
    result.name,
    `${result.rows} × ${result.dims}`,
    number(1000 * median(seconds(result))),
    number(1000 * min(result.rounds.map(({ best }) => best))),
    times(medianRatio(seconds(result), seconds(group[0]))),
    megabytes(Math.max(...result.rounds.map(({ peak }) => peak ?? 0))),
  ];
}

console.log(describeMachine(machine()));
const { write, remove } = floatFiles();
const groups = [];
try {
  for (const contender of list) {
    contender.process = new Contender(contender.name, contender.file, { python: contender.python });
    await contender.process.call('init', { name: contender.name, threads: THREADS });
  }
  for (const job of JOBS) {
    const file = (rows, seed) => write(`${rows}-${job.dims}-${seed}`, clusteredVectors(rows, job.dims, seed));
    const files = { rows: file(job.rows, 1), ...(job.queries && { queries: file(job.queries, 2) }) };
    groups.push(await measure({ ...job, files }));
  }
} finally {
  await Promise.all(list.map(({ process }) => process?.stop()));
  remove();
  progressDone();
}
heading('analyses of float32 vectors');
console.log(
  table(
    ['task', 'contender', 'rows', 'ms', 'best ms', 'ours is', 'peak RSS'],
    groups.flatMap((group) => group.map((result) => row(result, group))),
  ),
);
const results = groups.flat();
const foreign = reportNoise(results.flatMap(({ rounds }) => rounds));
reportMissing();
save('analytics', { threads: THREADS, foreign, results });
