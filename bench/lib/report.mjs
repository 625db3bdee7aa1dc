import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { machine } from './machine.mjs';
import { median } from './stats.mjs';
import { number, percent, table } from './table.mjs';

const folder = new URL('../results/', import.meta.url);

/** Above this share of the machine, other programs make figures unfit for quoting. */
const NOISY = 0.05;

/** Options that every benchmark takes. */
export function options(extra = {}) {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      'no-peers': { type: 'boolean', default: false },
      ...extra,
    },
  });
  return { ...values, peers: !values['no-peers'] && !values.quick };
}

/** Writes bench/results/<name>.json: everything needed to judge or redo a table, raw rounds included. */
export function save(name, result) {
  mkdirSync(folder, { recursive: true });
  const file = new URL(`${name}.json`, folder);
  const body = { name, date: new Date().toISOString(), machine: machine(), ...result };
  writeFileSync(file, `${JSON.stringify(body, null, 1)}\n`);
  console.log(`\nRaw rounds: bench/results/${name}.json`);
}

/** What {@link save} wrote last, if anything. */
export function load(name) {
  const file = new URL(`${name}.json`, folder);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

/** Says how much of the machine other programs took during the rounds; loudly when it was too much. */
export function reportNoise(rounds) {
  const shares = rounds.map((round) => round.foreign).filter((share) => Number.isFinite(share));
  if (shares.length === 0) return undefined;
  const share = median(shares);
  console.log(`Other programs took ${percent(share)} of the machine (median round).`);
  if (share > NOISY) console.log('!! BUSY MACHINE: do not quote these figures; run again when it is idle.');
  return share;
}

/** One line per goal of the project: a figure and what it should reach, for the reader to judge. */
export function targetTable(targets) {
  return table(
    ['goal', 'measured', 'should reach'],
    targets.map(({ label, measured, goal, unit = '×' }) => [
      label,
      measured === undefined ? 'not measured' : `${number(measured)}${unit}`,
      goal,
    ]),
  );
}
