/**
 * `embedlane serve` at several times of what it can do: what those wait who are let in, and those who are refused. Once
 * with a connection opened for each request that finds none, which at these rates are thousands; once with connections
 * that are open before, so that what is measured is overload; and with clients that come back when they are told to.
 *
 *   node bench/server-overload.mjs [--times 5] [--seconds 10] [--dtype int8] [--clients 1000]
 */
import { loadAtRate, loadPolitely } from './lib/load.mjs';
import { describeMachine, machine } from './lib/machine.mjs';
import { serverAtWork } from './lib/own-server.mjs';
import { progress, progressDone } from './lib/progress.mjs';
import { options, save } from './lib/report.mjs';
import { median, percentile } from './lib/stats.mjs';
import { heading, number, table } from './lib/table.mjs';

const chosen = options({
  times: { type: 'string', default: '5' },
  seconds: { type: 'string', default: '10' },
  dtype: { type: 'string', default: 'int8' },
  clients: { type: 'string', default: '1000' },
});
const TIMES = Number(chosen.times);
const SECONDS = Number(chosen.seconds);
const CLIENTS = Number(chosen.clients);
/** After which the server should know that it is more than it can do, and have done what it had let in before. */
const ALARM_SECONDS = 2;

console.log(describeMachine(machine()));
const { server, texts, most } = await serverAtWork(chosen.dtype);
const capacity = most.requests;
const rate = TIMES * capacity;

const CASES = {
  'connections opened meanwhile': () => loadAtRate(server, texts, rate, SECONDS),
  'connections open before': () => loadAtRate(server, texts, rate, SECONDS, { opened: CLIENTS }),
  [`${CLIENTS} clients that come back`]: () => loadPolitely(server, texts, CLIENTS, SECONDS),
};
const results = {};
for (const [name, run] of Object.entries(CASES)) {
  progress(name);
  const before = { server: await server.cpu(), own: process.cpuUsage() };
  const requests = await run();
  const { user, system } = process.cpuUsage(before.own);
  const count = Math.max(1, requests.length);
  const cpu = { server: ((await server.cpu()) - before.server) / count, own: (user + system) / count };
  results[name] = { requests, cpu };
}
await server.stop();
progressDone();

heading(`${chosen.dtype}, ${number(capacity)} requests/s; then ${number(rate)}`);
const rows = Object.entries(results).flatMap(([name, { requests, cpu }]) =>
  [
    [`let in, first ${ALARM_SECONDS} s`, [200], 0, ALARM_SECONDS],
    ['let in, later', [200], ALARM_SECONDS, SECONDS],
    ['refused', [429], 0, SECONDS],
    ['failed', [0, 500, 503], 0, SECONDS],
  ].flatMap(([what, statuses, from, to]) => {
    const found = requests.filter(
      ({ status, sent }) => statuses.includes(status) && sent >= 1000 * from && sent < 1000 * to,
    );
    if (found.length === 0) return [];
    const ms = found.map((request) => request.ms);
    return [
      [
        `${name}: ${what}`,
        number(found.length / (to - from)),
        number(median(ms)),
        number(percentile(ms, 0.99)),
        number(Math.max(...ms)),
        number(cpu.server),
        number(cpu.own),
      ],
    ];
  }),
);
console.log(
  table(['requests', 'per second', 'p50 ms', 'p99 ms', 'max ms', "server's µs a request", "load's µs"], rows),
);
save('server-overload', { options: chosen, capacity, results });
process.exitCode = Object.values(results).some(({ requests }) =>
  requests.some(({ status }) => ![200, 429].includes(status)),
)
  ? 1
  : 0;
