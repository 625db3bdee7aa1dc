/**
 * How long a program waits for `import`, each time in a fresh process: of nothing, of `embedlane/vectors` and of
 * `embedlane`, in turn. Wall time and processor time, because a busy machine stretches the first only.
 *
 *   node bench/imports.mjs [--rounds 15] [--project folder]
 *
 * --project   where the packed package is installed, whose files are joined into few. Default: this checkout
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { describeMachine, machine } from './lib/machine.mjs';
import { median, min } from './lib/stats.mjs';
import { number, table } from './lib/table.mjs';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '15' },
    project: { type: 'string', default: import.meta.dirname },
  },
});

const PROGRAM = `
const cpu = process.cpuUsage();
const started = performance.now();
await import(process.argv[1]);
const wall = performance.now() - started;
const { user, system } = process.cpuUsage(cpu);
console.log(JSON.stringify({ wall, cpu: (user + system) / 1000 }));`;

/** Module → the goal in milliseconds. */
const GOALS = { 'node:util': undefined, 'embedlane/vectors': 30, embedlane: 60 };

function measure(name) {
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', PROGRAM, name], {
    cwd: values.project,
    encoding: 'utf8',
  });
  if (stderr !== '') throw new Error(stderr);
  return JSON.parse(stdout);
}

console.log(describeMachine(machine()));
const names = Object.keys(GOALS);
const measured = new Map(names.map((name) => [name, []]));
for (let round = 0; round <= Number(values.rounds); round++) {
  // The first round brings the files into memory.
  for (const name of names) measured.get(name)[round] = measure(name);
}
const rows = names.map((name) => {
  const rounds = measured.get(name).slice(1);
  const [wall, cpu] = ['wall', 'cpu'].map((kind) => rounds.map((round) => round[kind]));
  const goal = GOALS[name];
  return [
    name,
    number(min(wall)),
    number(median(wall)),
    number(min(cpu)),
    goal === undefined ? '' : `≤ ${goal}`,
  ];
});
console.log(table(['import, ms', 'best', 'median', 'processor', 'goal'], rows));
