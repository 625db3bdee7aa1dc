/**
 * Ten minutes of `embedlane serve` at 80 % of its throughput, then five times its throughput. Ends with status 1 if a
 * request fails.
 *
 *   node bench/server-soak.mjs [--minutes 10] [--load 0.8] [--dtype int8]
 */
import { loadAtRate, loadBySockets } from './lib/load.mjs';
import { describeMachine, machine } from './lib/machine.mjs';
import { CONNECTIONS, serverAtWork } from './lib/own-server.mjs';
import { residentBytes } from './lib/proc.mjs';
import { progress, progressDone } from './lib/progress.mjs';
import { options, save } from './lib/report.mjs';
import { median, percentile } from './lib/stats.mjs';
import { heading, number, table } from './lib/table.mjs';

const chosen = options({
  minutes: { type: 'string', default: '10' },
  load: { type: 'string', default: '0.8' },
  dtype: { type: 'string', default: 'int8' },
});
const SECONDS = 60 * Number(chosen.minutes);
const LOAD = Number(chosen.load);
const AFTER_SECONDS = 5;
const OVERLOAD = 5;
const OVERLOAD_SECONDS = 15;
/** Seconds between two looks at the memory. */
const LOOK = 2;
const MIB = 2 ** 20;

/** One row of the table: requests of a stretch of time. */
function row(name, requests, seconds) {
  const ms = requests.map((request) => request.ms);
  const rate = number(requests.length / seconds);
  return [
    name,
    requests.length,
    rate,
    number(median(ms)),
    number(percentile(ms, 0.99)),
    number(Math.max(...ms, 0)),
  ];
}

const about = machine();
console.log(describeMachine(about));
const { server, texts, most: closed } = await serverAtWork(chosen.dtype);
const capacity = closed.requests;

progress(`${number(SECONDS / 60)} minutes at ${LOAD * 100} % of ${number(capacity)} requests/s`);
const memory = [];
const onTick = (elapsed) => {
  if (memory.length * LOOK < elapsed) memory.push(residentBytes(server.pid));
};
const soak = await loadAtRate(server, texts, LOAD * capacity, SECONDS, { onTick });

progress(`${OVERLOAD} times as much as it can do`);
const flood = await loadAtRate(server, texts, OVERLOAD * capacity, OVERLOAD_SECONDS);
const after = await loadBySockets(server, texts, CONNECTIONS, AFTER_SECONDS);
await server.stop();
progressDone();

const status = (list, ...wanted) => list.filter((request) => wanted.includes(request.status));
const failed = [...soak.filter((request) => request.status !== 200), ...status(flood, 0, 500, 503)];
const tenth = SECONDS / 10;
const served = status(soak, 200);
const [accepted, refused] = [status(flood, 200), status(flood, 429)];

heading(`${chosen.dtype}, ${number(capacity)} requests/s`);
console.log(
  table(
    ['requests', 'count', 'per second', 'p50 ms', 'p99 ms', 'max ms'],
    [
      [
        `${CONNECTIONS} connections, as fast as they can`,
        closed.count,
        number(capacity),
        number(closed.p50),
        number(closed.p99),
        '',
      ],
      row(
        `at ${LOAD * 100} %, first tenth`,
        served.filter(({ sent }) => sent < 1000 * tenth),
        tenth,
      ),
      row(
        `at ${LOAD * 100} %, last tenth`,
        served.filter(({ sent }) => sent >= 9000 * tenth),
        tenth,
      ),
      row(`at ${OVERLOAD * 100} %, let in`, accepted, OVERLOAD_SECONDS),
      row(`at ${OVERLOAD * 100} %, refused`, refused, OVERLOAD_SECONDS),
      ['afterwards', after.count, number(after.requests), number(after.p50), number(after.p99), ''],
    ],
  ),
);
const part = (from, to) => median(memory.slice(from * memory.length, to * memory.length)) / MIB;
const growth = [part(0.1, 0.3), part(0.8, 1)];
console.log(
  `Memory of server and lanes: ${number(growth[0])} MiB early on, ${number(growth[1])} MiB at the end.`,
);
console.log(
  `Failed: ${failed.length} of ${soak.length + flood.length}, those refused at ${OVERLOAD * 100} % aside.`,
);
const inSoak = failed.length - status(flood, 0, 500, 503).length;
console.log(`  ${inSoak} of them at ${LOAD * 100} %`);
for (const { sent, ms, status } of failed.slice(0, 10))
  console.log(`  after ${number(sent / 1000)} s: status ${status} in ${number(ms)} ms`);
save('server-soak', { options: chosen, capacity, memory, failed, growth });
process.exitCode = failed.length > 0 ? 1 : 0;
