/**
 * How the time of an exact search grows with the number of rows and with their length: linearly, or something is wrong.
 *
 *   node bench/growth.mjs [--rounds 7] [--quick]
 *
 * Writes bench/results/growth.json; `node bench/plots.mjs` draws it into docs/performance/.
 */
import { FlatIndex } from 'embedlane';
import { describeMachine, machine } from './lib/machine.mjs';
import { machineBusySeconds } from './lib/proc.mjs';
import { progress, progressDone } from './lib/progress.mjs';
import { options, reportNoise, save } from './lib/report.mjs';
import { median } from './lib/stats.mjs';
import { heading, number, table } from './lib/table.mjs';
import { clusteredVectors } from './lib/vectors.mjs';

const chosen = options();
const ROUNDS = Number(chosen.rounds ?? (chosen.quick ? 2 : 7));
const ROWS = chosen.quick ? [10_000, 20_000] : [10_000, 30_000, 100_000, 300_000, 1_000_000];
const DIMS = chosen.quick ? [64, 128] : [64, 128, 256, 384, 768, 1536];
/** Rows where the length varies, and the length where the rows do. */
const FIXED = { rows: chosen.quick ? 10_000 : 100_000, dims: chosen.quick ? 128 : 384 };
const WAYS = [
  { name: 'one query', queries: 1 },
  { name: '32 queries', queries: 32 },
  { name: "one query, accelerate 'int8'", queries: 1, accelerate: 'int8' },
];
const MILLISECONDS = chosen.quick ? 20 : 150;
const K = 10;

/** Milliseconds per query, the median over rounds of each round's best. */
async function measure({ rows, dims }, { queries, accelerate }) {
  const index = new FlatIndex({ dims, accelerate });
  // In parts, since the corpus would be there twice.
  for (let row = 0; row < rows; row += 10_000) {
    index.add({ data: clusteredVectors(10_000, dims, 1 + row), rows: 10_000, dims });
  }
  const batch = { data: clusteredVectors(queries, dims, 2), rows: queries, dims };
  await index.search(batch, { k: K });
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++) {
    let least = Number.POSITIVE_INFINITY;
    const end = performance.now() + MILLISECONDS;
    do {
      const before = performance.now();
      await index.search(batch, { k: K });
      least = Math.min(least, performance.now() - before);
    } while (performance.now() < end);
    rounds.push(least / queries);
  }
  await index.close();
  return rounds;
}

console.log(describeMachine(machine()));
const busy = machineBusySeconds();
const before = process.cpuUsage();
const started = performance.now();
const results = { rows: [], dims: [] };
for (const way of WAYS) {
  for (const [along, sizes] of [
    ['rows', ROWS],
    ['dims', DIMS],
  ]) {
    for (const size of sizes) {
      progress(`${way.name}: ${size} ${along}`);
      const rounds = await measure({ ...FIXED, [along]: size }, way);
      results[along].push({ name: way.name, size, rounds });
    }
  }
}
progressDone();

for (const [along, other] of [
  ['rows', `${FIXED.dims} values`],
  ['dims', `${FIXED.rows.toLocaleString('en-US')} rows`],
]) {
  heading(`Time of a query by ${along === 'rows' ? 'rows' : 'values per row'}, ${other}, float32, cosine`);
  console.log(
    table(
      ['', along, 'ms', 'ns per value'],
      results[along].map(({ name, size, rounds }) => {
        const time = median(rounds);
        const values = along === 'rows' ? size * FIXED.dims : size * FIXED.rows;
        return [name, size.toLocaleString('en-US'), number(time), number((1e6 * time) / values)];
      }),
    ),
  );
}
const { user, system } = process.cpuUsage(before);
const seconds = (performance.now() - started) / 1000;
const foreign = reportNoise([
  { foreign: (machineBusySeconds() - busy - (user + system) / 1e6) / (seconds * machine().cores) },
]);
save('growth', { fixed: FIXED, k: K, foreign, results });
