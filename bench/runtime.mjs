/**
 * The runtime under load: callers at the same time, how batches are formed, a query beside a bulk job, what aborted calls
 * cost, resident memory over time, and where the time of a cold start goes.
 *
 *   node bench/runtime.mjs [--only clients,policy,budget,priority,cancel,memory,start] [--dtype fp16] [--threads 2]
 *     [--seconds 2] [--rounds 2] [--soak 4000] [--quick] [--no-peers]
 *
 * Each part takes about a minute and writes bench/results/runtime-<part>.json; `node bench/plots.mjs` draws what there is.
 */
import { describeMachine, machine } from './lib/machine.mjs';
import { reportMissing } from './lib/peers.mjs';
import { save, targetTable } from './lib/report.mjs';
import * as budget from './runtime/budget.mjs';
import * as cancel from './runtime/cancel.mjs';
import * as clients from './runtime/clients.mjs';
import * as memory from './runtime/memory.mjs';
import * as policy from './runtime/policy.mjs';
import * as priority from './runtime/priority.mjs';
import { chosen, DTYPE, SECONDS, THREADS } from './runtime/settings.mjs';
import * as start from './runtime/start.mjs';

const PARTS = { clients, policy, budget, priority, cancel, memory, start };

console.log(describeMachine(machine()));
const targets = [];
for (const name of chosen.only?.split(',') ?? Object.keys(PARTS)) {
  const { measure, goals = () => [] } = PARTS[name];
  const results = await measure();
  const own = goals(results);
  targets.push(...own);
  save(`runtime-${name}`, { dtype: DTYPE, threads: THREADS, seconds: SECONDS, targets: own, results });
}
if (targets.length > 0) console.log(`\n${targetTable(targets)}`);
reportMissing();
