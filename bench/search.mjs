/**
 * Searches of a FlatIndex: plain and accelerated, with the recall of what is approximate, and many at once.
 *
 *   node bench/search.mjs [--rounds 7] [--rows 100000] [--queries 1,32,256] [--only batches,at-once] [--quick]
 */
import { FlatIndex } from 'embedlane';
import { Contender } from './lib/contender.mjs';
import { floatArithmetic } from './lib/float-arithmetic.mjs';
import { watchLoop } from './lib/loop.mjs';
import { describeMachine, machine } from './lib/machine.mjs';
import { machineBusySeconds } from './lib/proc.mjs';
import { progress, progressDone } from './lib/progress.mjs';
import { options, reportNoise, save, targetTable } from './lib/report.mjs';
import { median, medianRatio, min } from './lib/stats.mjs';
import { heading, number, percent, table, times } from './lib/table.mjs';
import { clusteredVectors } from './lib/vectors.mjs';

const chosen = options({
  rows: { type: 'string' },
  queries: { type: 'string' },
  only: { type: 'string', default: 'batches,at-once' },
});
const PARTS = chosen.only.split(',');
const ROUNDS = Number(chosen.rounds ?? (chosen.quick ? 2 : 7));
const ROWS = Number(chosen.rows ?? (chosen.quick ? 20_000 : 100_000));
const DIMS = 384;
const K = 10;
const BATCHES = (chosen.queries ?? (chosen.quick ? '1,32' : '1,32,256')).split(',').map(Number);
const AT_ONCE = chosen.quick ? 1_000 : 10_000;
/** How long a contender repeats its call in each round. */
const MILLISECONDS = chosen.quick ? 20 : 150;

const corpus = { data: clusteredVectors(ROWS, DIMS, 1), rows: ROWS, dims: DIMS };
const batch = (rows) => ({ data: clusteredVectors(rows, DIMS, 2), rows, dims: DIMS });
const indexes = Object.fromEntries(
  [undefined, ...(PARTS.includes('batches') ? ['int8', 'binary'] : [])].map((accelerate) => {
    const index = new FlatIndex({ dims: DIMS, accelerate });
    index.add(corpus);
    return [accelerate ?? 'plain', index];
  }),
);
const WAYS = [
  { name: 'plain', index: indexes.plain },
  { name: "'int8'", index: indexes.int8 },
  ...[4, 10, 40].map((rescore) => ({
    name: `'binary', rescore ${rescore}`,
    index: indexes.binary,
    more: { rescore },
  })),
];

const FLOATS = 'plain, float32 arithmetic';
const env = PARTS.includes('batches') ? floatArithmetic() : undefined;
const floats = env && new Contender(FLOATS, 'contenders/topk-flat-index.mjs', { env });
await floats?.call('init', { rows: ROWS, dims: DIMS });

const search = ({ index, more }, queries) => index.search(queries, { k: K, ...more });

/** Share of the rows to be found that were. */
function recall(found, wanted) {
  let hits = 0;
  for (let q = 0; q < wanted.rows; q++) {
    const there = new Set(wanted.get(q).map(({ id }) => id));
    hits += found.get(q).filter(({ id }) => there.has(id)).length;
  }
  return hits / wanted.ids.length;
}

async function best(way, queries) {
  const started = performance.now();
  const { user, system } = process.cpuUsage();
  let least = Number.POSITIVE_INFINITY;
  let calls = 0;
  do {
    calls++;
    const before = performance.now();
    await search(way, queries);
    least = Math.min(least, performance.now() - before);
  } while (performance.now() - started < MILLISECONDS);
  const cpu = process.cpuUsage();
  return { ms: least, cpu: (cpu.user + cpu.system - user - system) / 1000 / calls };
}

/** As {@link best}, by the process that does without 8-bit codes. */
async function bestOfFloats(queries) {
  const task = { queries, k: K, metric: 'cosine', seconds: MILLISECONDS / 1000 };
  const { best: least, cpu, calls } = await floats.measure('round', task);
  return { ms: 1000 * least, cpu: (1000 * cpu) / calls };
}

async function measureBatch(rows) {
  const queries = batch(rows);
  const wanted = await search(WAYS[0], queries);
  const results = [];
  for (const way of WAYS) {
    const found = await search(way, queries);
    const share = recall(found, wanted);
    if (way.name === "'int8'" && (share < 1 || found.scores.some((score, i) => score !== wanted.scores[i]))) {
      throw new Error("accelerate: 'int8' finds something else");
    }
    results.push({
      way,
      name: way.name,
      queries: rows,
      recall: share,
      scored: found.scored,
      rounds: [],
      cpu: [],
    });
  }
  const inFloats = floats &&
    rows > 1 && { name: FLOATS, queries: rows, recall: 1, scored: Number.NaN, rounds: [], cpu: [] };
  for (let round = 0; round < ROUNDS; round++) {
    progress(`${rows} queries: round ${round + 1} of ${ROUNDS}`);
    for (const result of results) {
      const { ms, cpu } = await best(result.way, queries);
      result.rounds.push(ms);
      result.cpu.push(cpu);
    }
    if (inFloats) {
      const { ms, cpu } = await bestOfFloats(rows);
      inFloats.rounds.push(ms);
      inFloats.cpu.push(cpu);
    }
  }
  if (inFloats) results.push(inFloats);
  return results.map(({ way: _, ...result }) => result);
}

/** Single queries one after the other, and all at once. */
async function measureAtOnce() {
  const data = clusteredVectors(AT_ONCE, DIMS, 3);
  const query = (i) => ({ data: data.subarray(i * DIMS, (i + 1) * DIMS), rows: 1, dims: DIMS });
  const rounds = [];
  for (let round = 0; round < Math.min(3, ROUNDS); round++) {
    progress(`${AT_ONCE} searches at once: round ${round + 1}`);
    const few = Math.ceil(AT_ONCE / 50);
    let started = performance.now();
    for (let i = 0; i < few; i++) await search(WAYS[0], query(i));
    const alone = (performance.now() - started) / few;
    const { value, loop } = await watchLoop(async () => {
      started = performance.now();
      const searches = [];
      for (let i = 0; i < AT_ONCE; i++) {
        searches.push(search(WAYS[0], query(i)));
        // As requests arrive: some hundred in a turn, not ten thousand in one.
        if (i % 100 === 99) await new Promise(setImmediate);
      }
      await Promise.all(searches);
      return (performance.now() - started) / AT_ONCE;
    });
    rounds.push({ alone, together: value, loop });
  }
  return rounds;
}

const about = machine();
console.log(describeMachine(about));
const busy = machineBusySeconds();
const { user, system } = process.cpuUsage();
const started = performance.now();
const results = [];
if (PARTS.includes('batches')) for (const rows of BATCHES) results.push(...(await measureBatch(rows)));
const atOnce = PARTS.includes('at-once') ? await measureAtOnce() : [];
progressDone();
const own = process.cpuUsage();
const seconds = (performance.now() - started) / 1000;
const ownSeconds = (own.user + own.system - user - system) / 1e6;

const plainOf = ({ queries }) =>
  results.find((result) => result.name === 'plain' && result.queries === queries);
if (results.length > 0) {
  heading(`FlatIndex, ${ROWS.toLocaleString('en-US')} × ${DIMS} float32, cosine, k = ${K}`);
  console.log(
    table(
      ['accelerate', 'queries', 'ms', 'best ms', 'CPU ms', 'than plain', 'recall', 'scored per query'],
      results.map((result) => [
        result.name,
        result.queries,
        number(median(result.rounds)),
        number(min(result.rounds)),
        number(min(result.cpu)),
        times(medianRatio(plainOf(result).rounds, result.rounds)),
        number(result.recall, 4),
        number(result.scored / result.queries),
      ]),
    ),
  );
}
const ratio = median(atOnce.map(({ alone, together }) => alone / together));
const late = median(atOnce.map(({ loop }) => loop.p99));
if (atOnce.length > 0) {
  console.log(
    `\n${AT_ONCE.toLocaleString('en-US')} single queries at once: ${times(ratio)} the throughput of one by one; event loop late by ${number(late)} ms (p99).`,
  );
}
const foreign = reportNoise([
  { foreign: (machineBusySeconds() - busy - ownSeconds) / (seconds * about.cores) },
]);
const find = (name, queries) => results.find((other) => other.name === name && other.queries === queries);
const faster = (queries, than) => {
  const [slow, fast] = [find(than, queries), find("'int8'", queries)];
  return slow && fast ? medianRatio(slow.rounds, fast.rounds) : undefined;
};
const known = (value) => (Number.isNaN(value) ? undefined : value);
const targets = chosen.quick
  ? []
  : [
      { label: "accelerate: 'int8', 1 query, than without", measured: faster(1, 'plain'), goal: '≥ 3×' },
      {
        label: "accelerate: 'int8', 256 queries, than float32 arithmetic",
        measured: faster(256, floats ? FLOATS : 'plain'),
        goal: '≥ 3×',
      },
      {
        label: '10,000 single queries at once, than one by one',
        measured: known(ratio),
        goal: '≥ 4×',
      },
      { label: 'event-loop delay p99 meanwhile', measured: known(late), goal: '≤ 5 ms', unit: ' ms' },
    ];
if (targets.length > 0) console.log(`\n${targetTable(targets)}`);
const ten = results.find(({ name }) => name.endsWith('10'));
if (ten) console.log(`Recall of rescore 10: ${percent(ten.recall)}.`);
save('search', { rows: ROWS, dims: DIMS, k: K, foreign, targets, results, atOnce });
await floats?.stop();
for (const index of Object.values(indexes)) await index.close();
