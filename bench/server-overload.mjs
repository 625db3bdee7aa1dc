/**
 * `embedlane serve` at several times of what it can do: what those wait who are let in, and those who are refused. Once
 * with a connection opened for each request that finds none, which at these rates are thousands; once with connections
 * that are open before, so that what is measured is overload; and with clients that come back when they are told to.
 *
 *   node bench/server-overload.mjs [--times 5] [--seconds 10] [--dtype int8] [--clients 1000]
 */
import { loadAtRate, loadHttp, loadPolitely, startServer } from './lib/load.mjs';
import { describeMachine, machine } from './lib/machine.mjs';
import { progress, progressDone } from './lib/progress.mjs';
import { options, save } from './lib/report.mjs';
import { median, percentile } from './lib/stats.mjs';
import { heading, number, table } from './lib/table.mjs';
import { mixedParagraphs, questionsOf } from './lib/texts.mjs';

const chosen = options({
  times: { type: 'string', default: '5' },
  seconds: { type: 'string', default: '10' },
  dtype: { type: 'string', default: 'int8' },
  clients: { type: 'string', default: '1000' },
});
const TIMES = Number(chosen.times);
const SECONDS = Number(chosen.seconds);
const CLIENTS = Number(chosen.clients);
const CONNECTIONS = 64;
const WARM_SECONDS = 4;
const CAPACITY_SECONDS = 6;

console.log(describeMachine(machine()));
const { texts: paragraphs } = await mixedParagraphs(2048);
const texts = questionsOf(paragraphs);
const server = await startServer('contenders/serve-embedlane.mjs', [chosen.dtype, '0']);

progress('how much it can do');
await loadHttp(server, texts, CONNECTIONS, WARM_SECONDS);
const { requests: capacity } = await loadHttp(server, texts, CONNECTIONS, CAPACITY_SECONDS);
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
    ['let in', [200]],
    ['refused', [429]],
    ['failed', [0, 500, 503]],
  ].flatMap(([what, statuses]) => {
    const found = requests.filter(({ status }) => statuses.includes(status));
    if (found.length === 0) return [];
    const ms = found.map((request) => request.ms);
    return [
      [
        `${name}: ${what}`,
        number(found.length / SECONDS),
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
