/**
 * LocalStore: how fast it loads, opens and searches with a filter, beside LanceDB and sqlite-vec without a vector index,
 * which are exact too, and the scan that a JavaScript programmer would write. One process each, the same records, the
 * results compared first, rounds interleaved.
 *
 *   node bench/local-store.mjs [--rounds 5] [--rows 1000000] [--folder path] [--filters lang,year] [--only embedlane,javascript]
 *                              [--quick] [--no-peers]
 *
 * --folder    where the stores are, or will be: filling them takes minutes
 * --filters   first words of the filters to measure
 * --only      words of the contenders' names
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { agree } from './lib/agree.mjs';
import { Contender } from './lib/contender.mjs';
import { describeMachine, machine } from './lib/machine.mjs';
import { peer, reportMissing } from './lib/peers.mjs';
import { progress, progressDone } from './lib/progress.mjs';
import { options, reportNoise, save, targetTable } from './lib/report.mjs';
import { FILTERS } from './lib/serve-filtered.mjs';
import { median, medianRatio, min } from './lib/stats.mjs';
import { heading, number, table, times } from './lib/table.mjs';

const chosen = options({
  rows: { type: 'string' },
  folder: { type: 'string' },
  filters: { type: 'string' },
  only: { type: 'string' },
});
const ROUNDS = Number(chosen.rounds ?? (chosen.quick ? 1 : 5));
const ROWS = Number(chosen.rows ?? (chosen.quick ? 20_000 : 1_000_000));
const DIMS = 384;
const K = 10;
const SECONDS = chosen.quick ? 0.05 : 0.2;

const OURS = 'embedlane LocalStore';
const SCAN = 'plain JavaScript';

const list = [
  { name: OURS, file: 'contenders/filtered-embedlane.mjs', folder: 'embedlane' },
  { name: SCAN, file: 'contenders/filtered-javascript.mjs' },
];
for (const [name, found, file] of [
  ['LanceDB, no vector index', '@lancedb/lancedb', 'peers/filtered-lancedb.mjs'],
  ['sqlite-vec', 'sqlite-vec', 'peers/filtered-sqlite-vec.mjs'],
]) {
  if (chosen.peers && peer(found)) list.push({ name, file, folder: found.replace('/', '-'), package: found });
}

const only = chosen.only?.split(',');
const chosenOnes = list.filter(({ name }) => !only || only.some((word) => name.toLowerCase().includes(word)));
list.splice(0, list.length, ...chosenOnes);
const wanted = chosen.filters?.split(',');
const filters = Object.keys(FILTERS).filter(
  (name) => !wanted || wanted.some((word) => name.startsWith(word)),
);

const find = (filter, name) => results.find((result) => result.filter === filter && result.name === name);
const seconds = (result) => result.rounds.map((round) => round.seconds);
const milliseconds = (value) => (value === undefined ? '—' : `${number(1000 * value)} ms`);

/** As soon as a filter is measured: what comes after it takes minutes. */
function show(measured) {
  progressDone();
  const ours = measured.find(({ name }) => name === OURS) ?? measured[0];
  console.log(
    `\n${table(
      [measured[0].filter, 'first', 'then', 'best', 'ours is'],
      measured.map((result) => [
        result.name,
        milliseconds(result.first),
        milliseconds(median(seconds(result))),
        milliseconds(min(result.rounds.map((round) => round.best))),
        times(medianRatio(seconds(result), seconds(ours))),
      ]),
    )}`,
  );
}

const about = machine();
console.log(describeMachine(about));
const folder = chosen.folder ?? mkdtempSync(join(tmpdir(), 'embedlane-bench-'));
mkdirSync(folder, { recursive: true });
const results = [];

try {
  for (const contender of list) {
    progress(`loading ${contender.name}`);
    contender.process = new Contender(contender.name, contender.file);
    const place = contender.folder && join(folder, contender.folder);
    ({ seconds: contender.load } = await contender.process.call('init', {
      rows: ROWS,
      dims: DIMS,
      folder: place,
    }));
    contender.open = [];
    for (let round = 0; round < ROUNDS; round++) {
      if (round > 0) await contender.process.call('close');
      contender.open.push(await contender.process.call('open'));
    }
  }
  progressDone();
  heading(
    `${ROWS.toLocaleString('en-US')} × ${DIMS} float32 with metadata, cosine, k = ${K}, one query at a time`,
  );
  console.log(
    table(
      ['contender', 'load', 'open'],
      list
        .filter((contender) => contender.folder)
        .map(({ name, load, open }) => [
          name,
          load === undefined ? '—' : `${number(ROWS / load, 2)} records/s`,
          milliseconds(median(open)),
        ]),
    ),
  );
  for (const filter of filters) {
    let expected;
    const rows = list.map((contender) => ({ filter, name: contender.name, rounds: [] }));
    for (const [i, contender] of list.entries()) {
      progress(`${filter}: checking ${contender.name}`);
      rows[i].first = await contender.process.call('first', { filter, k: K });
      const found = await contender.process.call('result', { filter, k: K });
      expected ??= found;
      agree(contender.name, found, expected, K);
    }
    for (let round = 0; round < ROUNDS; round++) {
      for (const [i, contender] of list.entries()) {
        progress(`${filter}: round ${round + 1} of ${ROUNDS}, ${contender.name}`);
        rows[i].rounds.push(await contender.process.measure('round', { filter, k: K, seconds: SECONDS }));
      }
    }
    results.push(...rows);
    show(rows);
  }
} finally {
  await Promise.all(list.map((contender) => contender.process?.stop()));
  if (chosen.folder === undefined) rmSync(folder, { recursive: true, force: true });
  progressDone();
}

const foreign = reportNoise(results.flatMap((result) => result.rounds));
const ratios = (name) =>
  filters.map((filter) => medianRatio(seconds(find(filter, name)), seconds(find(filter, OURS))));
const targets = chosen.quick
  ? []
  : [
      { label: `open ${ROWS} records`, measured: 1000 * median(list[0].open), goal: '< 100 ms', unit: ' ms' },
      ...list
        .slice(1)
        .filter(() => list[0].name === OURS)
        .map(({ name }) => ({
          label: `filtered search against ${name}, least of the filters`,
          measured: min(ratios(name)),
          goal: name === SCAN ? '≥ 20×' : '> 1×',
        })),
    ];
if (targets.length > 0) console.log(`\n${targetTable(targets)}`);
reportMissing();
const versions = Object.fromEntries(
  list
    .filter((contender) => contender.package)
    .map((contender) => [contender.package, peer(contender.package)]),
);
console.log(`\nVersions: ${JSON.stringify({ embedlane: about.embedlane, ...versions })}`);
const load = list.map(({ name, load: spent, open }) => ({ name, load: spent, open }));
save('local-store', { rows: ROWS, dims: DIMS, k: K, versions, foreign, targets, load, results });
