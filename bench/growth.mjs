/**
 * How the time of an exact search grows with the number of rows and with their length: linearly, or something is wrong.
 *
 *   node bench/growth.mjs [--rounds 7] [--only one,32,int8] [--along rows,dims] [--add] [--quick]
 *
 * Writes bench/results/growth.json; `node bench/plots.mjs` draws it into docs/performance/.
 *
 * --only    ways to search: one query, 32 queries, one query with accelerate 'int8'
 * --add     keeps what bench/results/growth.json has of other ways, for a run in parts
 */
import { FlatIndex } from 'embedlane';
import { describeMachine, machine } from './lib/machine.mjs';
import { machineBusySeconds } from './lib/proc.mjs';
import { progress, progressDone } from './lib/progress.mjs';
import { load, options, reportNoise, save } from './lib/report.mjs';
import { median, powerLaw } from './lib/stats.mjs';
import { heading, number, table } from './lib/table.mjs';
import { clusteredVectors } from './lib/vectors.mjs';

const chosen = options({
  only: { type: 'string', default: 'one,32,int8' },
  along: { type: 'string', default: 'rows,dims' },
  add: { type: 'boolean', default: false },
});
const ROUNDS = Number(chosen.rounds ?? (chosen.quick ? 2 : 7));
const ROWS = chosen.quick ? [10_000, 20_000] : [10_000, 30_000, 100_000, 300_000, 1_000_000];
const DIMS = chosen.quick ? [64, 128] : [64, 128, 256, 384, 768, 1536];
/** Rows where the length varies, and the length where the rows do. */
const FIXED = { rows: chosen.quick ? 10_000 : 100_000, dims: chosen.quick ? 128 : 384 };
const WAYS = {
  one: { name: 'one query', queries: 1 },
  32: { name: '32 queries', queries: 32 },
  int8: { name: "one query, accelerate 'int8'", queries: 1, accelerate: 'int8' },
};
const MILLISECONDS = chosen.quick ? 20 : 150;
const K = 10;

/** Rows that are made at a time: all of them would be there twice. */
const PART = 10_000;

function filled(rows, dims, accelerate) {
  const index = new FlatIndex({ dims, accelerate });
  for (let row = 0; row < rows; row += PART) {
    index.add({ data: clusteredVectors(PART, dims, 1 + row), rows: PART, dims });
  }
  return index;
}

/**
 * Milliseconds per query, for each size the best of each round. All sizes are there at once and take turns, so that a
 * slow minute of the machine hits every one of them.
 */
async function measure(along, sizes, { name, queries, accelerate }) {
  const results = [];
  for (const size of sizes) {
    progress(`${name}: making ${size} ${along}`);
    const { rows, dims } = { ...FIXED, [along]: size };
    const batch = { data: clusteredVectors(queries, dims, 2), rows: queries, dims };
    results.push({ name, size, rounds: [], batch, index: filled(rows, dims, accelerate) });
  }
  for (let round = -1; round < ROUNDS; round++) {
    progress(`${name}, by ${along}: round ${round + 1} of ${ROUNDS}`);
    for (const { rounds, batch, index } of results) {
      let least = Number.POSITIVE_INFINITY;
      const end = performance.now() + MILLISECONDS;
      do {
        const before = performance.now();
        await index.search(batch, { k: K });
        least = Math.min(least, performance.now() - before);
      } while (performance.now() < end);
      // The first round only warms up.
      if (round >= 0) rounds.push(least / queries);
    }
  }
  for (const { index } of results) await index.close();
  return results.map(({ size, rounds }) => ({ name, size, rounds }));
}

/** Exponents of the power laws of the rounds, which are fitted to each round's sizes. */
function exponents(results) {
  return results[0].rounds.map(
    (_, round) => powerLaw(results.map(({ size, rounds }) => [size, rounds[round]])).exponent,
  );
}

console.log(describeMachine(machine()));
const busy = machineBusySeconds();
const before = process.cpuUsage();
const started = performance.now();
const SIZES = { rows: ROWS, dims: DIMS };
const earlier = chosen.add ? load('growth')?.results : undefined;
const results = { rows: [], dims: [], ...earlier };
for (const way of chosen.only.split(',').map((name) => WAYS[name])) {
  for (const along of chosen.along.split(',')) {
    const others = results[along].filter(({ name }) => name !== way.name);
    results[along] = [...others, ...(await measure(along, SIZES[along], way))];
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
  for (const name of new Set(results[along].map((result) => result.name))) {
    const own = results[along].filter((result) => result.name === name);
    const found = exponents(own);
    const range = `${Math.min(...found).toFixed(2)} to ${Math.max(...found).toFixed(2)}`;
    const beyond = median(exponents(own.slice(-3)));
    console.log(
      `${name}: time ∝ ${along}^${median(found).toFixed(3)} (log-log fit, rounds ${range}); of the three largest ${beyond.toFixed(3)}`,
    );
  }
}
const { user, system } = process.cpuUsage(before);
const seconds = (performance.now() - started) / 1000;
const foreign = reportNoise([
  { foreign: (machineBusySeconds() - busy - (user + system) / 1e6) / (seconds * machine().cores) },
]);
save('growth', { fixed: FIXED, k: K, foreign, results });
