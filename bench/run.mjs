/**
 * Runs the benchmarks, one process after the other, and closes with what the project promises beside what was
 * measured. Figures and goals only: a busy machine must not turn a build red.
 *
 *   node bench/run.mjs [kernels] [similarity] [topk] [search] [analytics] [index] [local-store] [text] [images] [audio] [static] [server] [--quick] [--no-peers] [--rounds N]
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { targetTable } from './lib/report.mjs';
import { heading, percent } from './lib/table.mjs';

const ALL = [
  'kernels',
  'similarity',
  'topk',
  'search',
  'analytics',
  'index',
  'local-store',
  'text',
  'images',
  'audio',
  'static',
  'server',
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    'no-peers': { type: 'boolean', default: false },
    rounds: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const unknown = positionals.filter((name) => !ALL.includes(name));
if (values.help || unknown.length > 0) {
  if (unknown.length > 0) console.error(`There is no benchmark '${unknown[0]}'.`);
  console.error(
    'Usage: node bench/run.mjs [kernels] [similarity] [topk] [search] [analytics] [index] [local-store] [text] [images] [audio] [static] [server] [--quick] [--no-peers] [--rounds N]',
  );
  process.exit(values.help ? 0 : 2);
}

const shared = [];
if (values.quick) shared.push('--quick');
if (values['no-peers']) shared.push('--no-peers');
if (values.rounds) shared.push('--rounds', values.rounds);

const names = positionals.length > 0 ? positionals : ALL;
const resultFile = (name) => fileURLToPath(new URL(`results/${name}.json`, import.meta.url));
const failed = [];
for (const name of names) {
  heading(`bench: ${name}`);
  // An old result must not pass for the outcome of a run that failed.
  rmSync(resultFile(name), { force: true });
  const script = fileURLToPath(new URL(`${name}.mjs`, import.meta.url));
  const { status } = spawnSync(process.execPath, [script, ...shared], { stdio: 'inherit' });
  if (status !== 0) failed.push(name);
}

const results = names.filter((name) => existsSync(resultFile(name))).map(read);
function read(name) {
  return JSON.parse(readFileSync(resultFile(name), 'utf8'));
}

const targets = results.flatMap((result) => result.targets ?? []);
if (targets.length > 0) {
  heading('Goals');
  console.log(targetTable(targets));
  for (const { name, foreign } of results) {
    if (foreign > 0.05)
      console.log(`!! ${name}: other programs took ${percent(foreign)} of the machine; do not quote.`);
  }
}
if (failed.length > 0) {
  console.error(`\nFailed: ${failed.join(', ')}`);
  process.exit(1);
}
