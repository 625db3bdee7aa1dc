/**
 * Every row of one matrix with every row of another: embedlane's `similarity`, sentence-transformers (torch), a loop over
 * simsimd and plain JavaScript, one process each, rounds interleaved.
 *
 *   node bench/similarity.mjs [--rounds 7] [--dims 384] [--sizes 32x100000,1000x10000,4000x4000] [--quick] [--no-peers]
 */
import { availableParallelism } from 'node:os';
import { Contender } from './lib/contender.mjs';
import { describeMachine, machine } from './lib/machine.mjs';
import { peer, pythonPeer, reportMissing } from './lib/peers.mjs';
import { progress, progressDone } from './lib/progress.mjs';
import { options, reportNoise, save } from './lib/report.mjs';
import { SAMPLE } from './lib/serve-similarity.mjs';
import { median, medianRatio, min } from './lib/stats.mjs';
import { heading, megabytes, number, table, times } from './lib/table.mjs';
import { floatFiles } from './lib/vector-files.mjs';
import { clusteredVectors } from './lib/vectors.mjs';

const chosen = options({ dims: { type: 'string' }, sizes: { type: 'string' } });
const ROUNDS = Number(chosen.rounds ?? (chosen.quick ? 2 : 7));
const DIMS = (chosen.dims ?? '384').split(',').map(Number);
const SIZES = (chosen.sizes ?? (chosen.quick ? '200x1000' : '32x100000,1000x10000,4000x4000'))
  .split(',')
  .map((size) => size.split('x').map(Number));
const METRICS = ['cosine', 'euclidean'];
const THREADS = availableParallelism();
const SECONDS = chosen.quick ? 0.05 : 0.3;
/** A loop over more pairs than this would take minutes and show nothing new. */
const MOST_PAIRS = 4_000_000;
/**
 * Differences that float32 explains, for vectors of length 1: torch takes Euclidean distances from products, which
 * leaves the root of that for near ones.
 */
const AGREE = { cosine: 1e-5, euclidean: 2e-3 };
const OURS = 'embedlane';

const jobs = DIMS.flatMap((dims) =>
  METRICS.flatMap((metric) => SIZES.map(([a, b]) => ({ a, b, dims, metric, sample: SAMPLE }))),
);

const list = [
  { name: OURS, file: 'contenders/similarity-embedlane.mjs' },
  { name: 'plain JavaScript', file: 'contenders/similarity-javascript.mjs', most: MOST_PAIRS },
];
if (chosen.peers && peer('simsimd')) {
  list.push({ name: 'simsimd loop', file: 'peers/similarity-simsimd.mjs', most: MOST_PAIRS });
}
const python = chosen.peers ? pythonPeer() : undefined;
if (python) list.push({ name: 'sentence-transformers', file: 'peers/similarity_torch.py', python });

/** The matrices in files of float32, for contenders in other languages. */
function matrixFiles() {
  const { write, remove } = floatFiles();
  const files = {};
  const dims = {};
  for (const job of jobs) {
    for (const [rows, seed] of [
      [job.a, 1],
      [job.b, 2],
    ]) {
      const key = `${rows} ${job.dims} ${seed}`;
      dims[key] = job.dims;
      files[key] = write(key, clusteredVectors(rows, job.dims, seed));
    }
  }
  return { files, dims, remove };
}

function requireSame(name, found, expected, metric) {
  const scale = metric === 'cosine' ? 1 : Math.max(1, ...expected.map(Math.abs));
  for (let i = 0; i < expected.length; i++) {
    if (!(Math.abs(found[i] - expected[i]) <= AGREE[metric] * scale)) {
      throw new Error(`${name} has ${found[i]} instead of ${expected[i]} (${metric}, score ${i * SAMPLE})`);
    }
  }
}

async function measure(job) {
  const able = list.filter(({ most = Number.POSITIVE_INFINITY }) => job.a * job.b <= most);
  const label = `${job.a} × ${job.b}, ${job.dims} dims, ${job.metric}`;
  let expected;
  for (const { name, process } of able) {
    progress(`${label}: checking ${name}`);
    const found = await process.call('sample', job);
    expected ??= found;
    requireSame(name, found, expected, job.metric);
  }
  const results = able.map(({ name, process }) => ({ ...job, name, process, rounds: [] }));
  for (let round = 0; round < ROUNDS; round++) {
    for (const { name, process, rounds } of results) {
      progress(`${label}: round ${round + 1} of ${ROUNDS}, ${name}`);
      rounds.push(await process.measure('round', { ...job, seconds: SECONDS }));
    }
  }
  return results.map(({ process: _, ...result }) => result);
}

const seconds = ({ rounds }) => rounds.map((round) => round.seconds);

function row(result, group) {
  const time = median(seconds(result));
  return [
    result.name,
    `${result.a} × ${result.b}`,
    number(1000 * time),
    number(1000 * min(result.rounds.map(({ best }) => best))),
    times(medianRatio(seconds(result), seconds(group[0]))),
    number((2 * result.a * result.b * result.dims) / time / 1e9),
    megabytes(Math.max(...result.rounds.map(({ peak }) => peak ?? 0))),
  ];
}

const about = machine();
console.log(describeMachine(about));
const files = python ? matrixFiles() : undefined;
const groups = [];
try {
  for (const contender of list) {
    contender.process = new Contender(contender.name, contender.file, { python: contender.python });
    await contender.process.call('init', {
      threads: THREADS,
      files: contender.python ? files.files : {},
      dims: contender.python ? files.dims : {},
    });
  }
  for (const job of jobs) groups.push(await measure(job));
} finally {
  await Promise.all(list.map(({ process }) => process?.stop()));
  files?.remove();
  progressDone();
}
for (const dims of DIMS) {
  for (const metric of METRICS) {
    heading(`similarity of float32 rows of ${dims}, ${metric}`);
    console.log(
      table(
        ['contender', 'rows', 'ms', 'best ms', 'ours is', 'GFLOP/s', 'peak RSS'],
        groups
          .filter(([first]) => first.dims === dims && first.metric === metric)
          .flatMap((group) => group.map((result) => row(result, group))),
      ),
    );
  }
}
const results = groups.flat();
const foreign = reportNoise(results.flatMap(({ rounds }) => rounds));
reportMissing();
save('similarity', { threads: THREADS, foreign, results });
