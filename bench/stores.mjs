/**
 * Stores: how fast they load records into PostgreSQL, Milvus Lite and seekdb, beside the ways that the engines document,
 * into the same table, without an index of vectors, in alternating rounds; what each has stored is compared with the
 * records.
 *
 *   node bench/stores.mjs [--rows 100000] [--rounds 3] [--only postgres,milvus,seekdb]
 *   node scripts/test-postgres.mjs node bench/stores.mjs …        starts a PostgreSQL for it
 *
 * Milvus Lite and seekdb are those of the tests (node scripts/install-servers.mjs) and started here.
 */
import { parseArgs } from 'node:util';
import { describeMachine, machine } from './lib/machine.mjs';
import { reportMissing } from './lib/peers.mjs';
import { progressDone } from './lib/progress.mjs';
import { save, targetTable } from './lib/report.mjs';
import { median, medianRatio, min } from './lib/stats.mjs';
import { heading, number, table, times } from './lib/table.mjs';
import { openMilvus } from './stores/milvus.mjs';
import { openPostgres } from './stores/postgres.mjs';
import { costs, race } from './stores/race.mjs';
import { DIMS, makeRecords } from './stores/records.mjs';
import { openSeekdb } from './stores/seekdb.mjs';

const ENGINES = { postgres: openPostgres, milvus: openMilvus, seekdb: openSeekdb };

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: Object.keys(ENGINES).join(',') },
  },
});
const rows = Number(values.rows);
const rounds = Number(values.rounds);
const names = values.only.split(',');
const unknown = names.find((name) => !(name in ENGINES));
if (unknown !== undefined) {
  console.error(`There is no engine '${unknown}'; expected some of ${Object.keys(ENGINES).join(', ')}.`);
  process.exit(2);
}

const about = machine();
console.log(describeMachine(about));
const records = makeRecords(rows);
const targets = [];
for (const name of names) {
  const engine = await ENGINES[name](records);
  if (engine !== undefined) targets.push(...(await measure(name, engine)));
}
if (targets.length > 0) console.log(`\n${targetTable(targets)}`);
reportMissing();

/** Runs, prints and saves the race of one engine; returns its goals. */
async function measure(name, engine) {
  let results;
  try {
    results = await race(engine, records, rounds);
  } finally {
    progressDone();
    await engine.stop();
  }
  const [ours] = results;
  heading(
    `${engine.name}: ${rows.toLocaleString('en-US')} × ${DIMS} float32, documents, metadata; ${rounds} rounds`,
  );
  console.log(
    table(
      ['route', 'records/s', 'best', 'ours is'],
      results.map((result) => [
        result.name,
        number(1 / median(costs(result))),
        number(1 / min(costs(result))),
        times(medianRatio(costs(result), costs(ours))),
      ]),
    ),
  );
  const goals = goalsOf(engine, results);
  save(`stores-${name}`, {
    rows,
    dims: DIMS,
    versions: { embedlane: about.embedlane, ...engine.versions },
    targets: goals,
    results,
  });
  return goals;
}

function goalsOf({ name, routes }, results) {
  const [ours] = results;
  const documented = results.filter((_, i) => routes[i].documented);
  // The one that our time is the largest multiple of.
  const shares = documented.map((result) => medianRatio(costs(ours), costs(result)));
  const most = Math.max(...shares);
  const goals = [];
  if (documented.length > 0) {
    const fastest = documented[shares.indexOf(most)].name;
    goals.push({
      label: `${name}: time of the store, of that of ${fastest}`,
      measured: most,
      goal: '≤ 1.3×',
    });
  }
  for (const [i, { atLeast }] of routes.entries()) {
    if (atLeast === undefined) continue;
    const measured = medianRatio(costs(results[i]), costs(ours));
    goals.push({ label: `${name}: store against ${results[i].name}`, measured, goal: `≥ ${atLeast}×` });
  }
  return goals;
}
