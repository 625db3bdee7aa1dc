/**
 * Exact top-k over 100,000 vectors: embedlane's `topK` and `FlatIndex`, usearch's exactSearch, LanceDB and sqlite-vec
 * without an index, hnswlib's brute force, faiss, NumPy, a loop over simsimd and plain JavaScript, one process each, the
 * same vectors, rounds interleaved.
 *
 *   node bench/topk.mjs [--rounds 7] [--rows 100000] [--dims 384,768] [--queries 1,32,256] [--threads 2]
 *                       [--metrics dot,cosine] [--only name,…] [--add] [--quick] [--no-peers]
 *
 * --add   keeps the cases of bench/results/topk.json that this run does not measure: for a run in parts. A case, all
 *         its contenders in turn, is always one part, since only times of the same minutes can be compared.
 */
import { availableParallelism } from 'node:os';
import { agree } from './lib/agree.mjs';
import { Contender } from './lib/contender.mjs';
import { floatArithmetic } from './lib/float-arithmetic.mjs';
import { describeMachine, machine } from './lib/machine.mjs';
import { peer, pythonPeer, reportMissing } from './lib/peers.mjs';
import { progress, progressDone } from './lib/progress.mjs';
import { load, options, reportNoise, save, targetTable } from './lib/report.mjs';
import { again, roofline } from './lib/roofline.mjs';
import { median, medianRatio, min } from './lib/stats.mjs';
import { heading, megabytes, number, percent, table, times } from './lib/table.mjs';
import { vectorFiles } from './lib/vector-files.mjs';

const chosen = options({
  rows: { type: 'string' },
  dims: { type: 'string' },
  queries: { type: 'string' },
  threads: { type: 'string' },
  metrics: { type: 'string', default: 'dot,cosine' },
  only: { type: 'string' },
  add: { type: 'boolean', default: false },
});
const numbers = (text) => text.split(',').map(Number);
const ROUNDS = Number(chosen.rounds ?? (chosen.quick ? 3 : 7));
const ROWS = Number(chosen.rows ?? (chosen.quick ? 20_000 : 100_000));
const DIMS = numbers(chosen.dims ?? (chosen.quick ? '384' : '384,768'));
const QUERIES = numbers(chosen.queries ?? (chosen.quick ? '1,32' : '1,32,256'));
const THREADS = Number(chosen.threads ?? availableParallelism());
const METRICS = ['dot', 'cosine'];
const MEASURED_METRICS = METRICS.filter((metric) => chosen.metrics.split(',').includes(metric));
const K = 10;

/** Least duration of a round: several calls where one is short. */
const SECONDS = chosen.quick ? 0.1 : 0.4;

const OURS = 'embedlane';
const INDEX = 'embedlane FlatIndex';
const FLOATS = 'embedlane, float32 arithmetic';
const USEARCH = 'usearch exactSearch';
const FAISS = ['faiss', 'faiss, no BLAS below'];

/**
 * Peers on npm. `most` queries: beyond that a contender would take minutes and show nothing new; `metrics` where it
 * lacks one.
 */
const NPM_PEERS = [
  { package: 'usearch', name: USEARCH, file: 'peers/topk-usearch.mjs' },
  { package: '@lancedb/lancedb', name: 'LanceDB, no index', file: 'peers/topk-lancedb.mjs' },
  {
    package: 'sqlite-vec',
    name: 'sqlite-vec',
    file: 'peers/topk-sqlite-vec.mjs',
    threads: 1,
    most: 32,
    metrics: ['cosine'],
  },
  {
    package: 'hnswlib-node',
    addon: 'build/Release/addon.node',
    name: 'hnswlib brute force',
    file: 'peers/topk-hnswlib.mjs',
    threads: 1,
    most: 32,
  },
  { package: 'simsimd', name: 'simsimd loop', file: 'peers/topk-simsimd.mjs', threads: 1, most: 1 },
];

function contenders() {
  const list = [
    { name: OURS, file: 'contenders/topk-embedlane.mjs', threads: THREADS },
    { name: INDEX, file: 'contenders/topk-flat-index.mjs', threads: THREADS },
    { name: 'plain JavaScript', file: 'contenders/topk-javascript.mjs', threads: 1, most: 32 },
  ];
  const env = floatArithmetic();
  if (env)
    list.push({ name: FLOATS, file: 'contenders/topk-embedlane.mjs', env, threads: THREADS, least: 32 });
  for (const { package: name, addon, ...contender } of NPM_PEERS) {
    if (chosen.peers && peer(name, addon)) list.push({ threads: THREADS, ...contender });
  }
  for (const [module, kinds] of [
    ['faiss', FAISS],
    ['numpy', ['numpy']],
  ]) {
    const python = chosen.peers ? pythonPeer(module, module) : undefined;
    if (!python) continue;
    for (const name of kinds) list.push({ name, file: 'peers/topk_python.py', python, threads: THREADS });
  }
  const only = chosen.only?.split(',');
  return list.filter(({ name }) => !only || only.some((part) => name.includes(part)));
}

/** Contenders in Python send arrays as base64. */
function decoded(found) {
  if (!found.base64) return found;
  const bytes = (text) => new Uint8Array(Buffer.from(text, 'base64')).buffer;
  const { indices, scores } = found.base64;
  return { indices: new Uint32Array(bytes(indices)), scores: new Float32Array(bytes(scores)) };
}

async function measureCase(list, job) {
  const able = list.filter(
    ({ least = 1, most = Number.POSITIVE_INFINITY, metrics = METRICS }) =>
      job.queries >= least && job.queries <= most && metrics.includes(job.metric),
  );
  const results = able.map((contender) => ({ ...job, name: contender.name, contender, rounds: [] }));
  let expected;
  for (const { contender } of results) {
    progress(`${label(job)}: checking ${contender.name}`);
    const found = decoded(await contender.process.call('result', { ...job, threads: contender.threads }));
    expected ??= found;
    agree(contender.name, found, expected, K);
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const { contender, rounds } of results) {
      progress(`${label(job)}: round ${round + 1} of ${ROUNDS}, ${contender.name}`);
      const argument = { ...job, threads: contender.threads, seconds: SECONDS };
      rounds.push(await contender.process.measure('round', argument));
    }
  }
  return results.map(({ contender, ...result }) => ({ ...result, threads: contender.threads }));
}

const count = (queries) => `${queries} ${queries === 1 ? 'query' : 'queries'}`;
const label = ({ dims, metric, queries }) => `${dims} dims, ${metric}, ${count(queries)}`;

async function measureDims(dims) {
  const list = contenders();
  const results = [];
  const files = list.some(({ python }) => python) ? vectorFiles(ROWS, dims, QUERIES) : undefined;
  try {
    for (const contender of list) {
      const { name, file, python, env, threads } = contender;
      progress(`${dims} dims: starting ${name}`);
      contender.process = new Contender(name, file, { python, env });
      const { corpus, queries } = (python && files) ?? {};
      const init = { rows: ROWS, dims, kind: name, threads, corpus, queries };
      contender.about = await contender.process.call('init', init);
    }
    for (const metric of MEASURED_METRICS) {
      for (const queries of QUERIES)
        results.push(...(await measureCase(list, { dims, metric, queries, k: K })));
    }
  } finally {
    await Promise.all(list.map((contender) => contender.process?.stop()));
    files?.remove();
    progressDone();
  }
  return { results, simd: list.find(({ name }) => name === OURS)?.about };
}

const seconds = (result) => result.rounds.map((round) => round.seconds);
const sameCase = (a, b) => a.dims === b.dims && a.metric === b.metric && a.queries === b.queries;

/** What an earlier run has written, where it measured other cases in the same way. */
function earlier() {
  const before = chosen.add ? load('topk') : undefined;
  if (!before) return { results: [] };
  if (before.rows !== ROWS || before.threads !== THREADS)
    throw new Error('bench/results/topk.json has other rows or threads');
  return before;
}

function show(results, limit) {
  for (const metric of METRICS) {
    for (const dims of new Set(results.map((result) => result.dims))) {
      const group = results.filter((result) => result.metric === metric && result.dims === dims);
      if (group.length === 0) continue;
      heading(`${ROWS.toLocaleString('en-US')} × ${dims} float32, ${metric}, k = ${K}`);
      console.log(
        table(
          [
            'contender',
            'threads',
            'queries',
            'ms',
            'best ms',
            'ours is',
            'GFLOP/s',
            'of peak',
            'GB/s',
            'CPU s',
            'loop max ms',
            'peak RSS',
          ],
          group.map((result) => row(result, group, limit)),
        ),
      );
    }
  }
}

function row(result, group, limit) {
  const ours = group.find((other) => other.name === OURS && sameCase(other, result));
  const time = median(seconds(result));
  const gflops = (2 * ROWS * result.dims * result.queries) / time / 1e9;
  const calls = result.rounds.map((round) => round.calls);
  return [
    result.name,
    result.threads,
    result.queries,
    number(1000 * time),
    number(1000 * min(result.rounds.map((round) => round.best))),
    ours ? times(medianRatio(seconds(result), seconds(ours))) : '—',
    number(gflops),
    limit ? percent(gflops / limit.gflops) : '—',
    // The corpus read once: what a scan cannot avoid.
    number((4 * ROWS * result.dims) / time / 1e9),
    number(median(result.rounds.map((round, i) => round.cpu / calls[i]))),
    number(median(result.rounds.map((round) => round.loop?.max ?? Number.NaN))),
    megabytes(Math.max(...result.rounds.map((round) => round.peak ?? 0))),
  ];
}

function goals(results) {
  const goal = (dims, queries, rivals, wanted) => {
    const ratios = METRICS.flatMap((metric) => {
      const find = (name) => results.find((r) => r.name === name && sameCase(r, { dims, metric, queries }));
      const ours = find(OURS);
      const theirs = rivals.map(find).filter(Boolean);
      if (!ours || theirs.length === 0) return [];
      // The best of a peer's ways.
      return min(theirs.map((other) => medianRatio(seconds(other), seconds(ours))));
    });
    return {
      label: `${dims} dims, ${count(queries)} against ${rivals[0]}, worse of dot and cosine`,
      measured: ratios.length === METRICS.length ? min(ratios) : undefined,
      goal: wanted,
    };
  };
  return [384, 768].flatMap((dims) => [
    goal(dims, 1, [USEARCH], '≥ 1×'),
    goal(dims, 256, [USEARCH], '≥ 6×'),
    goal(dims, 1, FAISS, '≥ 1×'),
    goal(dims, 32, FAISS, '≥ 1.8×'),
    goal(dims, 256, FAISS, '≥ 1.3×'),
  ]);
}

const about = machine();
console.log(describeMachine(about));
progress('measuring the limits of the machine');
const before = earlier();
let limit = chosen.quick ? undefined : roofline(THREADS);
progressDone();
const measured = [];
let simd;
for (const dims of DIMS) {
  const part = await measureDims(dims);
  measured.push(...part.results);
  simd = part.simd;
}
const results = [
  ...before.results.filter((result) => !measured.some((other) => sameCase(result, other))),
  ...measured,
];
if (limit) {
  limit = again(limit);
  // Machines are not always at their best.
  for (const name of ['gflops', 'gbps']) limit[name] = Math.max(limit[name], before.limit?.[name] ?? 0);
  const [gflops, gbps] = [number(limit.gflops), number(limit.gbps)];
  console.log(
    `Limits of this machine, ${THREADS} threads: ${gflops} GFLOP/s float32, ${gbps} GB/s from memory`,
  );
} else {
  console.log('Limits of this machine not measured (--quick, or no C++ compiler).');
}
show(results, limit);

const versions = { embedlane: about.embedlane };
if (chosen.peers) for (const { package: name, addon } of NPM_PEERS) versions[name] = peer(name, addon);
console.log(
  `\nVersions: ${Object.entries(versions)
    .filter(([, version]) => version)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')}; SIMD ${simd?.level}`,
);
const foreign = reportNoise(results.flatMap((result) => result.rounds));
// A quick run only shows that everything works.
const targets = chosen.quick ? [] : goals(results);
if (targets.length > 0) console.log(`\n${targetTable(targets)}`);
reportMissing();
save('topk', { rows: ROWS, k: K, threads: THREADS, versions, simd, limit, foreign, targets, results });
